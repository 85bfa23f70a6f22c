from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process, master_only
from mmengine.visualization.vis_backend import LocalVisBackend, MLflowVisBackend, TensorboardVisBackend
from mmseg.registry import VISBACKENDS, VISUALIZERS
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer
from PIL import Image

from ..classes import NUMBER, vessel_probability
from ..components import is_a
from .overlay import draw_panels

COUNTERS = ('epoch', 'iter')  # which mmengine logs beside the figures


@VISUALIZERS.register_module()
class VesselVisualizer(SegLocalVisualizer):
    """mmseg's visualizer, drawing a picture beside its label, the probability of vessel, and what was found, missed and false.

    The colours are told apart with any colour vision.  TensorBoard's events lie in the folder of the start, which is then the name of
    the run, and hold no curves of epoch and step.

    Arguments as in ``SegLocalVisualizer`` (``vis_backends``, ``save_dir``).
    """

    def __init__(
        self,
        name: str = 'visualizer',
        image: np.ndarray | None = None,
        vis_backends: Sequence[dict[str, Any]] | dict[str, Any] | None = None,
        save_dir: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        backends = [vis_backends] if isinstance(vis_backends, dict) else list(vis_backends or [])
        if save_dir is None:  # in an inferencer, for which mmengine would warn of each
            backends = [b for b in backends if not is_a(b, (LocalVisBackend, TensorboardVisBackend), VISBACKENDS) or 'save_dir' in b]
        else:
            backends = [{'save_dir': str(save_dir), **b} if is_a(b, TensorboardVisBackend, VISBACKENDS) else b for b in backends]
        super().__init__(name, image, backends, save_dir, **kwargs)

    @classmethod
    def get_instance(cls, name: str = 'visualizer', **kwargs: Any) -> 'VesselVisualizer':
        """mmengine's; mmseg's ``browse_dataset.py`` builds the config's visualizer, which has no name: a runner gives it its own."""
        return super().get_instance(name, **kwargs)

    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: SegDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | Path | None = None,
        step: int = 0,
        **kwargs: Any,
    ) -> np.ndarray:
        """Draw one sample and hand it to the backends; of other processes than the main one only to files.

        Args:
            name (str): Tag in TensorBoard, file name in ``vis_image``.
            image (np.ndarray): ``(H, W, 3)`` uint8 RGB.
            data_sample (SegDataSample, optional): With ``pred_sem_seg``, ``seg_logits`` and ``gt_sem_seg``, each if known.
            draw_gt, draw_pred (bool): Show the label and the prediction, where there are such.
            show (bool): Open a window instead of writing to the backends.
            wait_time (float): Seconds the window stays; 0 waits for a key.
            out_file (str, optional): Also write the picture there; its folder is made.
            step (int): Global step of the backends.

        Returns:
            np.ndarray: uint8 RGB, see :func:`.draw_panels`; :meth:`get_image` gives it again.
        """
        sample = SegDataSample() if data_sample is None else data_sample
        label = _map(sample, 'gt_sem_seg') if draw_gt else None
        prediction = _map(sample, 'pred_sem_seg') if draw_pred else None
        logits = sample.seg_logits.data if draw_pred and 'seg_logits' in sample else None
        probability = None if logits is None or logits.shape[0] != NUMBER else vessel_probability(logits.float(), dim=0).cpu().numpy()
        drawn = draw_panels(image, prediction, probability, label, _map(sample, 'vessel_spread') if draw_pred else None)
        self.set_image(drawn)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        else:
            self.add_image(name, drawn, step)
        if out_file is not None:
            Path(out_file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn).save(out_file)
        return drawn

    def get_image(self) -> np.ndarray:
        """What was set, exactly, as long as nothing is drawn over it: some versions of matplotlib move its canvas by a pixel."""
        axes = self.ax_save
        drawn_over = [*axes.images[1:], *axes.lines, *axes.patches, *axes.collections, *axes.texts]
        return super().get_image() if self._image is None or drawn_over else self._image.copy()

    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Hand a picture to the backends, under a name that each of them takes; other processes than the main one write files only."""
        for backend in self._vis_backends.values():
            if is_main_process() or isinstance(backend, LocalVisBackend):
                is_file = isinstance(backend, MLflowVisBackend)  # and a later step's would replace an earlier one's
                backend.add_image(f'{name}_{step}.png' if is_file else name, image, step)

    @master_only
    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        """Hand figures to the backends; TensorBoard gets no curves of epoch and step where a file has them."""
        in_file = any(isinstance(backend, LocalVisBackend) for backend in self._vis_backends.values())
        for backend in self._vis_backends.values():
            left_out = COUNTERS if in_file and isinstance(backend, TensorboardVisBackend) else ()
            figures = {key: value for key, value in scalar_dict.items() if key not in left_out}
            backend.add_scalars(figures, step, file_path, **kwargs)


def _map(sample: SegDataSample, name: str) -> np.ndarray | None:
    return torch.as_tensor(sample.get(name).data).squeeze(0).cpu().numpy() if name in sample else None  # mmseg's browse_dataset: arrays

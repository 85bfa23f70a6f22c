import numpy as np
from mmengine.dist import master_only
from mmseg.registry import VISUALIZERS
from mmseg.visualization import SegLocalVisualizer
from PIL import Image

from .overlay import draw_panels


@VISUALIZERS.register_module()
class VesselVisualizer(SegLocalVisualizer):
    """mmseg's visualizer, drawing a picture beside its label, the probability of vessel, and what was found, missed and false.

    The colours are told apart with any colour vision.

    Arguments as in ``SegLocalVisualizer`` (``vis_backends``, ``save_dir``).
    """

    @classmethod
    def get_instance(cls, name='visualizer', **kwargs):
        """mmengine's; mmseg's ``browse_dataset.py`` builds the config's visualizer, which has no name: a runner gives it its own."""
        return super().get_instance(name, **kwargs)

    @master_only
    def add_datasample(self, name, image, data_sample=None, show=False, wait_time=0, out_file=None, step=0, **kwargs) -> np.ndarray:
        """Draw one sample and hand it to the backends.

        Args:
            name (str): Tag in TensorBoard, file name in ``vis_image``.
            image (np.ndarray): ``(H, W, 3)`` uint8 RGB.
            data_sample (SegDataSample): With ``pred_sem_seg`` and, if known, ``seg_logits`` and ``gt_sem_seg``.
            show (bool): Open a window instead of writing to the backends.
            wait_time (float): Seconds the window stays; 0 waits for a key.
            out_file (str, optional): Also write the picture there.
            step (int): Global step of the backends.

        Returns:
            np.ndarray: uint8 RGB, see :func:`.draw_panels`.
        """
        prediction = data_sample.pred_sem_seg.data.squeeze(0).cpu().numpy()
        label = data_sample.gt_sem_seg.data.squeeze(0).cpu().numpy() if 'gt_sem_seg' in data_sample else None
        logits = data_sample.seg_logits.data if 'seg_logits' in data_sample else None
        probability = None if logits is None or logits.shape[0] != 2 else logits.float().softmax(0)[1].cpu().numpy()
        drawn = draw_panels(image, prediction, probability, label)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        else:
            self.add_image(name, drawn, step)
        if out_file is not None:
            Image.fromarray(drawn).save(out_file)
        return drawn

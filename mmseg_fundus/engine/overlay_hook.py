from collections.abc import Sequence
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..datasets.naming import sample_names
from ..datasets.reading import read_picture


@HOOKS.register_module()
class VesselOverlayHook(Hook):
    """Hands overlays of validation and test pictures to the runner's visualizer (TensorBoard, files).

    Args:
        val_pictures (int): How many pictures of each validation, from the first on that the main process meets; 0 for none.
        draw (bool): Draw every test picture (``tools/test.py --show-dir`` sets it); each process draws its own.
        show (bool): Open windows instead.
        wait_time (float): Seconds a window stays.
    """

    def __init__(self, val_pictures: int = 3, draw: bool = False, show: bool = False, wait_time: float = 0.0) -> None:
        self.val_pictures = val_pictures
        self.draw = draw
        self.show = show
        self.wait_time = wait_time
        self._drawn = 0

    def before_val_epoch(self, runner: Runner) -> None:
        self._drawn = 0

    def before_test_epoch(self, runner: Runner) -> None:
        self._drawn = 0

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: Sequence[Any] | None = None) -> None:
        if is_main_process():
            self._draw(runner, 'val', outputs or (), data_batch, runner.iter, self.val_pictures - self._drawn)

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: Sequence[Any] | None = None) -> None:
        if self.draw or self.show:
            self._draw(runner, 'test', outputs or (), data_batch, 0, len(outputs or ()))

    def _draw(self, runner: Runner, phase: str, samples: Sequence[Any], data_batch: DATA_BATCH, step: int, most: int) -> None:
        for sample, name in list(zip(samples, sample_names(samples, data_batch)))[: max(most, 0)]:
            self._drawn += 1
            runner.visualizer.add_datasample(
                f'{phase}_{name}',
                read_picture(sample.img_path),
                data_sample=sample,
                show=self.show,
                wait_time=self.wait_time,
                step=step,
            )

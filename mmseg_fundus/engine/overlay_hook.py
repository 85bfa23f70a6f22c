from mmengine.dist import is_main_process
from mmengine.hooks import Hook
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

    def __init__(self, val_pictures=3, draw=False, show=False, wait_time=0.0):
        self.val_pictures = val_pictures
        self.draw = draw
        self.show = show
        self.wait_time = wait_time
        self._drawn = 0

    def before_val_epoch(self, runner) -> None:
        self._drawn = 0

    def before_test_epoch(self, runner) -> None:
        self._drawn = 0

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if is_main_process():
            self._draw(runner, 'val', outputs, data_batch, runner.iter, self.val_pictures - self._drawn)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if self.draw or self.show:
            self._draw(runner, 'test', outputs, data_batch, 0, len(outputs))

    def _draw(self, runner, phase: str, samples, data_batch, step: int, most: int) -> None:
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

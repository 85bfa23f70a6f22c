from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..datasets.naming import parts_of
from ..errors import ConfigError
from ..models.encoders.contract import backbone_of
from ..models.encoders.encoder_file import encoder_tensors, write_encoder


@HOOKS.register_module()
class SaveEncoderHook(Hook):
    """Writes the encoder of a pretraining into the work folder, as ``encoder.pth``: a weights file for ``model.backbone.weights``.

    Args:
        interval (int): Epochs between two writings; after the last one it is always written.
    """

    def __init__(self, interval: int = 50) -> None:
        if not isinstance(interval, int) or interval < 1:
            raise ConfigError(f'SaveEncoderHook: interval={interval!r} must be 1 epoch or more')
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        model = getattr(runner.model, 'module', runner.model)
        encoder_tensors(backbone_of(model))  # raises now what it would after many epochs

    @master_only
    def after_train_epoch(self, runner: Runner) -> None:
        epoch = runner.epoch + 1
        if epoch % self.interval and epoch != runner.max_epochs:
            return
        model = getattr(runner.model, 'module', runner.model)
        data = runner.train_dataloader.dataset
        views = epoch * len(runner.train_dataloader.sampler) * runner.world_size
        roots = ', '.join(dict.fromkeys(str(getattr(part, 'data_root', '?')) for part in parts_of(data)))
        about = f'{type(model).__name__}, pretrained here on {views} views of {len(data)} photographs without labels: {roots}'
        path = write_encoder(Path(runner.work_dir) / 'encoder.pth', backbone_of(model), about)
        runner.logger.info(f'{path}: {about}')

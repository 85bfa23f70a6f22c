from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmpretrain.models import VisionTransformer
from mmseg.registry import HOOKS

from ..errors import ConfigError
from ..models.encoder_file import write_encoder
from .data_roots import parts


@HOOKS.register_module()
class SaveEncoderHook(Hook):
    """Writes the encoder of a pretraining into the work folder, as ``encoder.pth``: a weights file for ``model.backbone.weights``.

    Args:
        interval (int): Epochs between two writings; after the last one it is always written.
    """

    def __init__(self, interval=50):
        if not isinstance(interval, int) or interval < 1:
            raise ConfigError(f'SaveEncoderHook: interval={interval!r} must be 1 epoch or more')
        self.interval = interval

    def before_train(self, runner) -> None:
        backbone = getattr(getattr(runner.model, 'module', runner.model), 'backbone', None)
        if not isinstance(backbone, VisionTransformer):
            raise ConfigError(
                f"SaveEncoderHook writes mmpretrain's ViTs, the model's backbone is {type(backbone).__name__}; leave the hook out"
            )

    @master_only
    def after_train_epoch(self, runner) -> None:
        epoch = runner.epoch + 1
        if epoch % self.interval and epoch != runner.max_epochs:
            return
        model = getattr(runner.model, 'module', runner.model)
        data = runner.train_dataloader.dataset
        views = epoch * len(runner.train_dataloader.sampler) * runner.world_size
        roots = ', '.join(dict.fromkeys(str(getattr(part, 'data_root', '?')) for part in parts(data)))
        about = f'{type(model).__name__}, pretrained here on {views} views of {len(data)} photographs without labels: {roots}'
        path = write_encoder(Path(runner.work_dir) / 'encoder.pth', model.backbone, about)
        runner.logger.info(f'{path}: {about}')

import math

import torch
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ..errors import TrainingError


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stops a training whose loss is no number any more, with the names of the pictures of that step.

    What was saved before is kept; nothing is saved after.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        loss = float(torch.as_tensor((outputs or {}).get('loss', 0.0)).detach())
        if math.isfinite(loss):
            return
        samples = data_batch.get('data_samples', []) if isinstance(data_batch, dict) else []
        pictures = [str(getattr(sample, 'img_path', 'picture')) for sample in samples]
        raise TrainingError(
            f'the loss became {loss} in epoch {runner.epoch + 1}, step {runner.iter + 1}, on {", ".join(pictures) or "a batch"}. '
            f'The checkpoints in {runner.work_dir} are from before. Lower the learning rate (--lr), clip gradients '
            '(optim_wrapper.clip_grad=dict(max_norm=1.0)), or look at these pictures and their labels; then go on with --resume'
        )

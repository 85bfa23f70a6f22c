import math
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import HOOKS

from ..errors import TrainingError


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stops a training whose loss is no number any more, with the names of the pictures of that step, or whose weights are none.

    The weights are looked at after each epoch, or before they are saved where iterations are counted: a loss may be fine and the step
    after it not.  What was saved before is kept; nothing is saved after.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict[str, Any] | None = None
    ) -> None:
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

    def after_train_epoch(self, runner: Runner) -> None:
        self._check_weights(runner, f'epoch {runner.epoch + 1}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            self._check_weights(runner, f'iteration {checkpoint["meta"]["iter"]}')

    @staticmethod
    def _check_weights(runner: Runner, when: str) -> None:
        model = getattr(runner.model, 'module', runner.model)
        trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        spoilt = [name for name, tensor in {**trained, **dict(model.named_buffers())}.items() if not torch.isfinite(tensor).all()]
        if spoilt:
            raise TrainingError(
                f'weights are NaN or infinite after {when}, though its losses were numbers ({", ".join(spoilt[:3])}'
                f'{", ..." if spoilt[3:] else ""}): nothing of it was saved. The checkpoints in {runner.work_dir} are from before. '
                'Lower the learning rate (--lr) or clip gradients (optim_wrapper.clip_grad=dict(max_norm=1.0)), then go on with --resume'
            )

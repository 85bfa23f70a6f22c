from collections.abc import Callable
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from mmseg.registry import HOOKS
from torch import nn
from torch.utils.hooks import RemovableHandle

from ..errors import TrainingError
from ..models.segmentors.norms import other_norm


@HOOKS.register_module()
class BatchNormHook(Hook):
    """Ends a training in its first step if a batch norm could not take the last batch of an epoch, and says what to do.

    A batch norm needs two values per channel.  Where it sees maps of 1x1 (heads that pool the whole picture), a batch of one picture has
    one; without this, torch would stop at the end of the first epoch.
    """

    def __init__(self) -> None:
        self._looking: list[RemovableHandle] = []

    def before_train(self, runner: Runner) -> None:
        model = getattr(runner.model, 'module', runner.model).train()  # as the loop will; a frozen encoder's norms stay as they are
        modules = ((name, module) for name, module in model.named_modules() if module.training)
        norms = {name: module for name, module in modules if isinstance(module, nn.modules.batchnorm._BatchNorm)}
        if get_world_size() > 1:  # synced ones count the pictures of all processes
            norms = {name: module for name, module in norms.items() if not isinstance(module, nn.SyncBatchNorm)}
        remedy = self._remedy(runner.train_loop, other_norm(model))
        if remedy:
            self._looking = [norm.register_forward_pre_hook(self._refuse_single(name, remedy)) for name, norm in norms.items()]

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict[str, Any] | None = None
    ) -> None:
        while self._looking:
            self._looking.pop().remove()

    @staticmethod
    def _remedy(loop: BaseLoop, other: str) -> str | None:
        """What to do about the batch of one picture that an epoch brings; ``None`` if it brings none."""
        loader: Any = getattr(loop, 'dataloader', None)
        size = getattr(loader, 'batch_size', None)
        if not isinstance(loop, EpochBasedTrainLoop) or not size:
            return None
        count = len(loader.sampler)  # of this process
        if size > 1 and (count % size != 1 or loader.drop_last):
            return None
        fitting = [number for number in range(2, count + 1) if count % number != 1]
        if not fitting:
            return f'there is {count} picture for each process: add pictures, or use {other}'
        nearest = min(fitting, key=lambda number: abs(number - size))
        found = f'with {count} pictures for each process and batch size {size}, ' + ('each has' if size == 1 else "an epoch's last has")
        drop = '' if size == 1 else ', train_dataloader.drop_last=True (one picture fewer in each epoch)'
        return f'{found} one: use --batch-size {nearest}{drop}, or {other}'

    @staticmethod
    def _refuse_single(name: str, remedy: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def look(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            values = inputs[0]
            if module.training and isinstance(values, torch.Tensor) and values.ndim > 1 and values[:1, :1].numel() == 1:
                raise TrainingError(
                    f'the batch norm {name} sees maps of 1x1, so that a batch of one picture has one value per channel, of which no '
                    f'statistics can be made; {remedy}'
                )

        return look

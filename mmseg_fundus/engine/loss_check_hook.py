from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ..classes import IGNORE
from ..models.losses.blindness import check_losses


@HOOKS.register_module()
class LossCheckHook(Hook):
    """Refuses a loss that counts pixels it is told to ignore, at the first batch that has some, see :func:`.check_losses`.

    Labels of our data sets are 255 outside the field of view; mmseg's ``DiceLoss`` takes those pixels for wrong wherever something is
    predicted there.
    """

    def __init__(self) -> None:
        self._checked = False

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict[str, Any] | None = None) -> None:
        if self._checked:
            return
        samples = [sample for sample in (data_batch or {}).get('data_samples', []) if 'gt_sem_seg' in sample]
        if not any(bool((sample.gt_sem_seg.data == IGNORE).any()) for sample in samples):
            return
        self._checked = True
        model = getattr(runner.model, 'module', runner.model)
        heads = [head for name in ('decode_head', 'auxiliary_head') for head in _listed(getattr(model, name, None))]
        device = next(model.parameters(), torch.empty(0)).device
        for head in heads:
            check_losses(head, device)


def _listed(heads: nn.Module | None) -> list[nn.Module]:
    """One head, several or none, as a list."""
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads] if heads is not None else []

"""Whether a loss leaves out the pixels that it is told to leave out: some of mmseg's do not, without a word."""

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from ...classes import HOW_MANY, NUMBER
from ...errors import ConfigError

OURS = "dict(type='VesselLoss')"
INSTEAD = {  # mmseg's loss -> ours in its place
    'DiceLoss': "dict(type='VesselLoss', ce_weight=0, dice_weight=1)",
    'FocalLoss': "dict(type='VesselLoss', focal_gamma=2.0, dice_weight=0)",
}


def check_losses(head: BaseDecodeHead, device: torch.device | str) -> None:
    """Try each loss of a decode head on made-up logits, half of whose labels are to be ignored.

    A head that computes its losses in a way of its own is left alone.

    Args:
        head (nn.Module): With ``loss_decode`` (one or several) and ``ignore_index``.
        device (torch.device): That the training computes on: some losses differ between devices.

    Raises:
        ConfigError: If a loss fails, or the logits of ignored pixels have a gradient; it names another loss.
    """
    stock = type(head).loss_by_feat is BaseDecodeHead.loss_by_feat
    if not (stock or hasattr(head, 'needs_picture')):  # ours, and its likes
        return
    losses = head.loss_decode if isinstance(head.loss_decode, nn.ModuleList) else [head.loss_decode]
    for loss in losses:
        kind = type(loss).__name__
        instead = f'use loss_decode={INSTEAD.get(kind, OURS)}'
        try:
            outside = _gradient_outside(loss, head.out_channels, head.ignore_index, device)
        except ConfigError:
            raise
        except Exception as error:
            why = f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
            raise ConfigError(f'{type(head).__name__}: its loss {kind} fails for {HOW_MANY} on {device} ({why}); {instead}') from error
        if outside > 0:
            raise ConfigError(
                f'{type(head).__name__}: its loss {kind} also counts pixels of label {head.ignore_index}, which lie outside the field of '
                f'view and are to be ignored; {instead}, which leaves them out'
            )


def _gradient_outside(loss: nn.Module, channels: int, ignore: int, device: torch.device | str) -> float:
    """Largest gradient of a logit whose label is ``ignore``; batch of 3, 12 x 12 pixels, half of them ignored."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, channels, 12, 12, generator=generator).to(device).requires_grad_()
    label = torch.randint(0, NUMBER, (3, 12, 12), generator=generator).to(device)
    label[..., :6] = ignore
    with torch.enable_grad():
        value: Tensor = loss(logits, label, weight=None, ignore_index=ignore).sum()
        (gradient,) = torch.autograd.grad(value, logits)
    return float(gradient[..., :6].abs().max())

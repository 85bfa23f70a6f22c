import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...errors import ConfigError


def _image_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid pixels of each picture ``(N,)``; 0 for a picture without any."""
    return (values * valid).flatten(1).sum(1) / valid.flatten(1).sum(1).clamp(min=1)


def vessel_dice_loss(logits: Tensor, label: Tensor, ignore_index: int = 255, smooth: float = 1.0) -> Tensor:
    """Soft Dice loss of the vessel class (V-Net, https://arxiv.org/abs/1606.04797, with plain sums in the denominator).

    ``1 - (2 * sum(p * y) + smooth) / (sum(p) + sum(y) + smooth)`` over the valid pixels of each picture, then the mean over pictures.

    Args:
        logits (Tensor): ``(N, 2, H, W)``.
        label (Tensor): ``(N, H, W)``, 0 background, 1 vessel, ``ignore_index`` left out.
        ignore_index (int): The label that counts for nothing.
        smooth (float): In pixels; keeps a picture without vessel defined (its loss goes to 0 with the predicted area).

    Returns:
        Tensor: Scalar in [0, 1].
    """
    valid = (label != ignore_index).to(logits.dtype)
    vessel = (label == 1).to(logits.dtype)
    probability = logits.softmax(dim=1)[:, 1] * valid
    overlap = (probability * vessel).flatten(1).sum(1)
    area = probability.flatten(1).sum(1) + vessel.flatten(1).sum(1)
    return (1 - (2 * overlap + smooth) / (area + smooth)).mean()


def vessel_cross_entropy(logits: Tensor, label: Tensor, ignore_index: int = 255) -> Tensor:
    """Cross entropy in nats: mean over the valid pixels of each picture, then over pictures (same arguments as the Dice loss)."""
    valid = (label != ignore_index).to(logits.dtype)
    loss = F.cross_entropy(logits, label.long(), ignore_index=ignore_index, reduction='none')
    return _image_mean(loss, valid).mean()


@MODELS.register_module()
class VesselLoss(nn.Module):
    """Cross entropy plus soft Dice on the vessel class, both blind to the ignored label (outside the field of view).

    Every picture of a batch counts the same however many of its pixels are valid, so a batch of four gives the mean of four
    batches of one and gradient accumulation is exact.

    Args:
        ce_weight (float): Weight of the cross entropy.
        dice_weight (float): Weight of the Dice loss.
        smooth (float): See :func:`vessel_dice_loss`.
        loss_name (str): Name in the log where only the sum is logged; must begin with ``loss``.

    Example:
        >>> logits = torch.zeros(1, 2, 1, 2)          # p(vessel) = 0.5 everywhere
        >>> VesselLoss(dice_weight=0)(logits, torch.tensor([[[1, 255]]]))
        tensor(0.6931)
    """

    def __init__(self, ce_weight=1.0, dice_weight=1.0, smooth=1.0, loss_name='loss_vessel'):
        super().__init__()
        if ce_weight < 0 or dice_weight < 0 or ce_weight + dice_weight == 0:
            raise ConfigError(f'VesselLoss: ce_weight={ce_weight}, dice_weight={dice_weight} must be >= 0 and not both 0')
        if not loss_name.startswith('loss'):
            raise ConfigError(f"VesselLoss: loss_name={loss_name!r} must begin with 'loss', or mmengine leaves it out of the sum")
        self.ce_weight = ce_weight
        self.dice_weight = dice_weight
        self.smooth = smooth
        self.loss_name = loss_name

    def terms(self, logits: Tensor, label: Tensor, ignore_index: int = 255) -> dict:
        """The weighted terms ``{'ce': ..., 'dice': ...}``; those of weight 0 are left out.  Computed in float32."""
        if logits.ndim != 4 or logits.shape[1] != 2:
            raise ConfigError(f'VesselLoss takes logits (N, 2, H, W), got {tuple(logits.shape)}; the head must have num_classes=2')
        logits = logits.float()
        terms = {}
        if self.ce_weight:
            terms['ce'] = self.ce_weight * vessel_cross_entropy(logits, label, ignore_index)
        if self.dice_weight:
            terms['dice'] = self.dice_weight * vessel_dice_loss(logits, label, ignore_index, self.smooth)
        return terms

    def forward(self, logits: Tensor, label: Tensor, weight=None, ignore_index: int = 255, **kwargs) -> Tensor:
        """Sum of the terms.

        Args:
            logits (Tensor): ``(N, 2, H, W)``.
            label (Tensor): ``(N, H, W)``.
            weight (None): mmseg's pixel sampler weights are not supported.
            ignore_index (int): The label left out.
        """
        if weight is not None:
            raise ConfigError('VesselLoss does not take the weights of a pixel sampler; remove decode_head.sampler')
        return sum(self.terms(logits, label, ignore_index).values())

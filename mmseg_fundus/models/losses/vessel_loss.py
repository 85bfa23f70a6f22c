from typing import Any

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...classes import IGNORE, NUMBER, VESSEL, vessel_probability
from ...errors import ConfigError


def _image_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the valid pixels of each picture ``(N,)``; 0 for a picture without any."""
    return (values * valid).flatten(1).sum(1) / valid.flatten(1).sum(1).clamp(min=1)


def vessel_dice_loss(logits: Tensor, label: Tensor, ignore_index: int = IGNORE, smooth: float = 1.0) -> Tensor:
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
    vessel = (label == VESSEL).to(logits.dtype)
    probability = vessel_probability(logits) * valid
    overlap = (probability * vessel).flatten(1).sum(1)
    area = probability.flatten(1).sum(1) + vessel.flatten(1).sum(1)
    return (1 - (2 * overlap + smooth) / (area + smooth)).mean()


def vessel_cross_entropy(logits: Tensor, label: Tensor, ignore_index: int = IGNORE, focal_gamma: float = 0.0) -> Tensor:
    """Cross entropy in nats: mean over the valid pixels of each picture, then over pictures (same arguments as the Dice loss).

    With ``focal_gamma`` above 0 each pixel counts ``(1 - p) ** focal_gamma``, p the probability of its label: the focal loss
    (https://arxiv.org/abs/1708.02002) without class weights.
    """
    valid = (label != ignore_index).to(logits.dtype)
    loss = F.cross_entropy(logits, label.long(), ignore_index=ignore_index, reduction='none')
    if focal_gamma:
        loss = loss * (-torch.expm1(-loss)).clamp(min=1e-6) ** focal_gamma  # exp(-loss) is p; 0 has no gradient below gamma 1
    return _image_mean(loss, valid).mean()


def soft_skeleton(image: Tensor, iterations: int) -> Tensor:
    """Skeleton of a soft mask ``(N, 1, H, W)`` in [0, 1] by ``iterations`` erosions and openings, differentiable.

    Shit et al., clDice (https://arxiv.org/abs/2003.07311), algorithm 1; exact for structures no wider than ``2 * iterations + 1`` pixels.
    """

    def eroded(x: Tensor) -> Tensor:
        return -torch.maximum(F.max_pool2d(-x, (3, 1), 1, (1, 0)), F.max_pool2d(-x, (1, 3), 1, (0, 1)))

    def ridge(x: Tensor) -> Tensor:
        return F.relu(x - F.max_pool2d(eroded(x), 3, 1, 1))

    skeleton = ridge(image)
    for _ in range(iterations):
        image = eroded(image)
        skeleton = skeleton + F.relu(ridge(image) * (1 - skeleton))
    return skeleton


def vessel_cldice_loss(logits: Tensor, label: Tensor, ignore_index: int = IGNORE, iterations: int = 4, smooth: float = 1.0) -> Tensor:
    """Soft centerline Dice loss: 1 - the harmonic mean of topology precision and sensitivity of each picture, mean over pictures.

    The share of the predicted skeleton inside the label and of the label's skeleton inside the prediction (clDice, equations 1 and
    2); arguments and shapes as :func:`vessel_dice_loss`, ``iterations`` as :func:`soft_skeleton`.
    """
    valid = (label != ignore_index).to(logits.dtype)[:, None]
    wanted = (label == VESSEL).to(logits.dtype)[:, None]
    found = vessel_probability(logits)[:, None] * valid

    def inside(skeleton: Tensor, mask: Tensor) -> Tensor:
        return ((skeleton * mask).flatten(1).sum(1) + smooth) / (skeleton.flatten(1).sum(1) + smooth)

    precision = inside(soft_skeleton(found, iterations), wanted)
    sensitivity = inside(soft_skeleton(wanted, iterations), found)
    return (1 - 2 * precision * sensitivity / (precision + sensitivity)).mean()


@MODELS.register_module()
class VesselLoss(nn.Module):
    """Cross entropy plus soft Dice on the vessel class, all terms blind to the ignored label (outside the field of view).

    Every picture of a batch counts the same however many of its pixels are valid, so a batch of four gives the mean of four
    batches of one and gradient accumulation is exact.

    Args:
        ce_weight (float): Weight of the cross entropy.
        dice_weight (float): Weight of the Dice loss.
        smooth (float): See :func:`vessel_dice_loss`.
        cldice_weight (float): Weight of :func:`vessel_cldice_loss`.
        cldice_iterations (int): See :func:`soft_skeleton`; half the width of the widest vessel in input pixels.
        focal_gamma (float): See :func:`vessel_cross_entropy`.
        loss_name (str): Name in the log where only the sum is logged; must begin with ``loss``.

    Example:
        >>> logits = torch.zeros(1, 2, 1, 2)          # p(vessel) = 0.5 everywhere
        >>> VesselLoss(dice_weight=0)(logits, torch.tensor([[[1, 255]]]))
        tensor(0.6931)
    """

    def __init__(
        self,
        ce_weight: float = 1.0,
        dice_weight: float = 1.0,
        smooth: float = 1.0,
        cldice_weight: float = 0.0,
        cldice_iterations: int = 4,
        focal_gamma: float = 0.0,
        loss_name: str = 'loss_vessel',
    ) -> None:
        super().__init__()
        weights = dict(ce_weight=ce_weight, dice_weight=dice_weight, cldice_weight=cldice_weight)
        if min(weights.values()) < 0 or not any(weights.values()):
            raise ConfigError(f'VesselLoss: {", ".join(f"{k}={v}" for k, v in weights.items())} must be >= 0 and not all 0')
        if focal_gamma < 0 or cldice_iterations < 1:
            raise ConfigError(f'VesselLoss: focal_gamma={focal_gamma} must be >= 0, cldice_iterations={cldice_iterations} 1 or more')
        if not loss_name.startswith('loss'):
            raise ConfigError(f"VesselLoss: loss_name={loss_name!r} must begin with 'loss', or mmengine leaves it out of the sum")
        self.ce_weight = ce_weight
        self.dice_weight = dice_weight
        self.smooth = smooth
        self.cldice_weight = cldice_weight
        self.cldice_iterations = cldice_iterations
        self.focal_gamma = focal_gamma
        self.loss_name = loss_name

    def terms(self, logits: Tensor, label: Tensor, ignore_index: int = IGNORE) -> dict[str, Tensor]:
        """The weighted terms ``{'ce': ..., 'dice': ..., 'cldice': ...}``; those of weight 0 are left out.  Computed in float32."""
        if logits.ndim != 4 or logits.shape[1] != NUMBER:
            raise ConfigError(
                f'VesselLoss takes logits (N, {NUMBER}, H, W), got {tuple(logits.shape)}; the head must have num_classes={NUMBER}'
            )
        logits = logits.float()
        terms = {}
        if self.ce_weight:
            terms['ce'] = self.ce_weight * vessel_cross_entropy(logits, label, ignore_index, self.focal_gamma)
        if self.dice_weight:
            terms['dice'] = self.dice_weight * vessel_dice_loss(logits, label, ignore_index, self.smooth)
        if self.cldice_weight:
            terms['cldice'] = self.cldice_weight * vessel_cldice_loss(logits, label, ignore_index, self.cldice_iterations, self.smooth)
        return terms

    def forward(self, logits: Tensor, label: Tensor, weight: Tensor | None = None, ignore_index: int = IGNORE, **kwargs: Any) -> Tensor:
        """Sum of the terms.

        Args:
            logits (Tensor): ``(N, 2, H, W)``.
            label (Tensor): ``(N, H, W)``.
            weight (None): mmseg's pixel sampler weights are not supported.
            ignore_index (int): The label left out.
        """
        if weight is not None:
            raise ConfigError('VesselLoss does not take the weights of a pixel sampler; remove decode_head.sampler')
        first, *others = self.terms(logits, label, ignore_index).values()
        return sum(others, first)

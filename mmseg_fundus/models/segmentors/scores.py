"""What is told beside the losses of a batch and beside a prediction."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.structures import SegDataSample
from torch import Tensor

from ...classes import IGNORE, VESSEL, is_vessel, vessel_probability


def batch_dice(logits: Tensor, data_samples: Sequence[SegDataSample]) -> Tensor:
    """Vessel Dice of a training batch from logits ``(N, classes, H, W)``: hard decisions, pooled, for the log."""
    label = torch.stack([sample.gt_sem_seg.data[0] for sample in data_samples])
    found, vessel, valid = is_vessel(logits), label == VESSEL, label != IGNORE
    return 2 * (found & vessel).sum() / ((found & valid).sum() + vessel.sum()).clamp(min=1)


def decide(sample: SegDataSample, threshold: float) -> None:
    """The mask of a prediction at another threshold than .5 of the probability of vessel, in place."""
    if threshold != 0.5:
        sample.pred_sem_seg.data = (vessel_probability(sample.seg_logits.data, dim=0)[None] > threshold).to(sample.pred_sem_seg.data)


def tell_loss(sample: SegDataSample, loss: Any) -> None:
    """``val_loss``, the terms of the loss of a prediction that lies over its label, into the sample's metainfo; else nothing."""
    logits = sample.seg_logits.data[None]
    if 'gt_sem_seg' in sample and logits.shape[2:] == sample.gt_sem_seg.data.shape[1:]:
        terms = loss.terms(logits, sample.gt_sem_seg.data.to(logits.device)) if hasattr(loss, 'terms') else {}
        sample.set_metainfo(dict(val_loss={name: float(value.detach()) for name, value in terms.items()}))

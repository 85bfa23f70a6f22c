"""What is told beside the losses of a batch and beside a prediction."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from torch import Tensor

from ...classes import IGNORE, VESSEL, is_vessel, vessel_probability


def batch_dice(logits: Tensor, data_samples: Sequence[SegDataSample]) -> Tensor:
    """Vessel Dice of a training batch from logits ``(N, classes, H, W)``: hard decisions, pooled, for the log."""
    label = torch.stack([sample.gt_sem_seg.data[0] for sample in data_samples])
    found, vessel, valid = is_vessel(logits), label == VESSEL, label != IGNORE
    return 2 * (found & vessel).sum() / ((found & valid).sum() + vessel.sum()).clamp(min=1)


def over_photograph(logits: Tensor, meta: Mapping[str, Any], align_corners: bool) -> Tensor:
    """Logits ``(classes, H, W)`` of what a pipeline made of a photograph, over the photograph: padding cut, unflipped, resized.

    What mmseg's ``postprocess_result`` does first, by the same ``meta`` keys.  Its ``argmax`` over two planes of a large picture takes
    as long as a small network: :func:`decide` compares them.
    """
    left, right, top, bottom = meta.get('img_padding_size', meta.get('padding_size', (0, 0, 0, 0)))
    height, width = logits.shape[1:]
    logits = logits[:, top : height - bottom, left : width - right]
    if meta.get('flip'):
        logits = logits.flip(-1 if meta['flip_direction'] == 'horizontal' else -2)
    size = tuple(meta.get('ori_shape', logits.shape[1:]))[:2]
    if size == tuple(logits.shape[1:]):
        return logits
    return resize(logits[None], size=size, mode='bilinear', align_corners=align_corners, warning=False)[0]


def decide(sample: SegDataSample, threshold: float) -> None:
    """``pred_sem_seg``, the mask of a prediction: vessel where its probability is above ``threshold``, in place."""
    logits = sample.seg_logits.data
    vessel = is_vessel(logits[None])[0] if threshold == 0.5 else vessel_probability(logits, dim=0) > threshold
    sample.set_data(dict(pred_sem_seg=PixelData(data=vessel[None].long())))


def tell_loss(sample: SegDataSample, loss: Any) -> None:
    """``val_loss``, the terms of the loss of a prediction that lies over its label, into the sample's metainfo; else nothing."""
    logits = sample.seg_logits.data[None]
    if 'gt_sem_seg' in sample and logits.shape[2:] == sample.gt_sem_seg.data.shape[1:]:
        terms = loss.terms(logits, sample.gt_sem_seg.data.to(logits.device)) if hasattr(loss, 'terms') else {}
        sample.set_metainfo(dict(val_loss={name: float(value.detach()) for name, value in terms.items()}))

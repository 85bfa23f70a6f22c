"""Pictures, logits and labels of any size, for parts that see multiples of a patch: padded right and bottom."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from torch import Tensor

from ..classes import IGNORE


def _missing(inputs: Tensor, patch: int) -> tuple[int, int]:
    """Rows and columns to the next multiples of the patch size."""
    height, width = inputs.shape[2:]
    return -height % patch, -width % patch


def padded(inputs: Tensor, patch: int) -> Tensor:
    """Pictures ``(N, 3, H, W)`` with zeros up to the next multiples of ``patch`` pixels."""
    down, right = _missing(inputs, patch)
    # padding by nothing copies; a traced graph needs it for other sizes
    return F.pad(inputs, (0, right, 0, down)) if torch.jit.is_tracing() or down or right else inputs


def padded_labels(data_samples: Sequence[SegDataSample], inputs: Tensor, patch: int) -> Sequence[SegDataSample]:
    """The samples with labels as large as the padded picture, ignored there: what an auxiliary head's map lies over."""
    down, right = _missing(inputs, patch)
    if not down and not right:
        return data_samples
    labels = [F.pad(sample.gt_sem_seg.data, (0, right, 0, down), value=IGNORE) for sample in data_samples]
    return [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]


def over_pictures(logits: Tensor, inputs: Tensor, patch: int, align_corners: bool) -> Tensor:
    """A head's logits exactly over its pictures: upsampled to the padded size if the head has a stride, without the padding."""
    (height, width), (down, right) = inputs.shape[2:], _missing(inputs, patch)
    if logits.shape[2:] != (height + down, width + right):
        logits = resize(logits, size=(height + down, width + right), mode='bilinear', align_corners=align_corners)
    return logits[:, :, :height, :width]

from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.structures import SegDataSample
from torch import Tensor

from ...classes import IN_WORDS, NUMBER, VESSEL, is_vessel
from ...errors import ConfigError


class VesselHead(BaseDecodeHead):
    """What our decode heads share: the classes, softmax, losses logged term by term.

    Args:
        num_classes, out_channels (int): The number of :data:`~mmseg_fundus.classes.CLASSES`, 2, and no other.
        **kwargs: Those of mmseg's ``BaseDecodeHead``.
    """

    needs_picture: str | None = None  # that forward() takes beside the features: 'normalised' or 'photograph', RGB of 0 to 1

    def __init__(self, num_classes: int = NUMBER, out_channels: int = NUMBER, **kwargs: Any) -> None:
        if (num_classes, out_channels) != (NUMBER, NUMBER):
            raise ConfigError(f'{type(self).__name__}: {IN_WORDS}; leave num_classes={NUMBER} and out_channels out')
        # both are said, or mmseg warns that a binary head could have one channel
        super().__init__(num_classes=num_classes, out_channels=out_channels, **kwargs)
        if self.sampler is not None and hasattr(self.loss_decode, 'terms'):
            raise ConfigError(
                f'{type(self).__name__}: {type(self.loss_decode).__name__} weighs all pixels alike and would pass over '
                'decode_head.sampler; remove the sampler, or use focal_gamma=2.0 of the loss for hard pixels'
            )

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: Sequence[SegDataSample]) -> dict[str, Tensor]:
        """The terms of the loss one by one (``loss_ce``, ``loss_dice``), and pixel accuracy in percent (``acc_seg``).

        A loss module without ``terms`` is handled as mmseg does.
        """
        if not hasattr(self.loss_decode, 'terms'):
            return super().loss_by_feat(seg_logits, batch_data_samples)
        label = self._stack_batch_gt(batch_data_samples).squeeze(1)
        logits = seg_logits
        if logits.shape[2:] != label.shape[1:]:
            logits = resize(logits, size=label.shape[1:], mode='bilinear', align_corners=self.align_corners)
        terms = self.loss_decode.terms(logits, label, ignore_index=self.ignore_index)
        losses = {f'loss_{name}': value for name, value in terms.items()}
        valid = label != self.ignore_index
        right = is_vessel(logits.detach()) == (label == VESSEL)
        losses['acc_seg'] = 100 * (right & valid).sum() / valid.sum().clamp(min=1)
        return losses

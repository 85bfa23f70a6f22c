from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize

from ...errors import ConfigError


class VesselHead(BaseDecodeHead):
    """What our decode heads share: two classes (background, vessel), softmax, losses logged term by term.

    Args:
        num_classes, out_channels (int): Always 2.
        **kwargs: Those of mmseg's ``BaseDecodeHead``.
    """

    needs_picture = False  # whether forward() takes the network's input beside the features

    def __init__(self, num_classes=2, out_channels=2, **kwargs):
        if (num_classes, out_channels) != (2, 2):
            raise ConfigError(
                f'{type(self).__name__}: vessels are segmented with two classes (background, vessel) and softmax; '
                'leave num_classes=2 and out_channels out'
            )
        super().__init__(num_classes=2, out_channels=2, **kwargs)  # said outright, or mmseg warns that binary heads could have one
        if self.sampler is not None and hasattr(self.loss_decode, 'terms'):
            raise ConfigError(
                f'{type(self).__name__}: {type(self.loss_decode).__name__} weighs all pixels alike and would pass over '
                'decode_head.sampler; remove the sampler, or use focal_gamma=2.0 of the loss for hard pixels'
            )

    def loss_by_feat(self, seg_logits, batch_data_samples: list) -> dict:
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
        right = (logits.detach()[:, 1] > logits.detach()[:, 0]) == (label == 1)
        losses['acc_seg'] = 100 * (right & valid).sum() / valid.sum().clamp(min=1)
        return losses

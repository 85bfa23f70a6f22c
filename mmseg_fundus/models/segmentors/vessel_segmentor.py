import torch
import torch.nn.functional as F
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from torch import Tensor

from ...errors import CheckpointError, ConfigError

IGNORE = 255


@MODELS.register_module()
class VesselSegmentor(EncoderDecoder):
    """mmseg's ``EncoderDecoder`` for pictures of any size, with logits at input resolution whatever the head's stride.

    Differences:

    - Inputs are padded (right, bottom) to multiples of the patch size and the logits cut back, never squeezed.
    - ``test_cfg=dict(mode='whole', size=(H, W))`` resizes a whole picture to ``size`` (antialiased) inside the model and the logits
      back to the picture, so that test pipelines hold no size and labels stay at native resolution.  ``size=None`` keeps the picture's.
    - Loading a checkpoint is strict, however it is loaded: a name too many or too few is an error, except that the encoder as a
      whole may be absent (then what the backbone loaded stays).

    Args:
        Those of ``EncoderDecoder``.

    Shapes:
        Input ``(N, 3, H, W)``; logits ``(N, 2, H, W)``.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.out_channels != 2:
            raise ConfigError(
                f'VesselSegmentor: the decode head has {self.out_channels} output channels; vessels are segmented with two classes and '
                'softmax: set decode_head.num_classes=2 and leave out_channels out'
            )
        unknown = set(self.test_cfg or {}) - {'mode', 'size', 'crop_size', 'stride'}
        if unknown:
            raise ConfigError(f'VesselSegmentor: model.test_cfg has no {sorted(unknown)}; it takes mode, size, crop_size and stride')
        self._register_load_state_dict_pre_hook(self._refuse_misfit)

    def _refuse_misfit(self, state_dict, prefix, *args, **kwargs) -> None:
        mine = {prefix + name: tensor for name, tensor in self.state_dict().items()}
        encoder = prefix + 'backbone.'
        with_encoder = any(name.startswith(encoder) for name in state_dict)
        needed = [name for name in mine if with_encoder or not name.startswith(encoder)]
        missing = [name for name in needed if name not in state_dict and not name.endswith('num_batches_tracked')]
        unexpected = [name for name in state_dict if name not in mine and name.startswith(prefix)]
        wrong = [
            f'{name} {tuple(state_dict[name].shape)} instead of {tuple(tensor.shape)}'
            for name, tensor in mine.items()
            if name in state_dict and state_dict[name].shape != tensor.shape and name != encoder + 'pos_embed'
        ]
        parts = []
        for count, verdict in ((missing, 'missing'), (unexpected, 'unexpected'), (wrong, 'of another shape')):
            if count:
                parts.append(f'{len(count)} {verdict} ({", ".join(count[:3])}{", ..." if len(count) > 3 else ""})')
        if parts:
            raise CheckpointError(
                f'the checkpoint does not fit the model of this config: {"; ".join(parts)}. Nothing was loaded; '
                'use the config that it was trained with'
            )

    # ---- forward

    def _patch_size(self) -> int:
        return getattr(self.backbone, 'patch_size', 1)

    def extract_feat(self, inputs: Tensor):
        """Feature maps of ``(N, 3, H, W)`` pictures, padded to multiples of the patch size."""
        patch, (height, width) = self._patch_size(), inputs.shape[2:]
        return super().extract_feat(F.pad(inputs, (0, -width % patch, 0, -height % patch)))

    def _cut(self, logits: Tensor, inputs: Tensor) -> Tensor:
        """Head output -> logits exactly over ``inputs``: upsample to the padded size if the head has a stride, drop the padding."""
        patch, (height, width) = self._patch_size(), inputs.shape[2:]
        padded = (height + -height % patch, width + -width % patch)
        if logits.shape[2:] != padded:
            logits = resize(logits, size=padded, mode='bilinear', align_corners=self.align_corners)
        return logits[:, :, :height, :width]

    def _forward(self, inputs: Tensor, data_samples=None) -> Tensor:
        """Logits ``(N, 2, H, W)`` of normalised pictures ``(N, 3, H, W)``."""
        return self._cut(self.decode_head(self.extract_feat(inputs)), inputs)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list) -> Tensor:
        """As :meth:`_forward`; the name that mmseg's sliding window calls."""
        return self._forward(inputs)

    def loss(self, inputs: Tensor, data_samples: list) -> dict:
        """Losses of the decode head (prefix ``decode.``) and of auxiliary heads (``aux.``)."""
        features = self.extract_feat(inputs)
        logits = self._cut(self.decode_head(features), inputs)
        losses = add_prefix(self.decode_head.loss_by_feat(logits, data_samples), 'decode')
        losses['Dice'] = self._batch_dice(logits.detach(), data_samples)
        if self.with_auxiliary_head:
            losses.update(self._auxiliary_head_forward_train(features, data_samples))
        return losses

    @staticmethod
    def _batch_dice(logits: Tensor, data_samples: list) -> Tensor:
        """Vessel Dice of a training batch, hard decisions, pooled, for the log."""
        label = torch.stack([sample.gt_sem_seg.data[0] for sample in data_samples])
        found, vessel, valid = logits.argmax(1) == 1, label == 1, label != IGNORE
        return 2 * (found & vessel).sum() / ((found & valid).sum() + vessel.sum()).clamp(min=1)

    def postprocess_result(self, seg_logits: Tensor, data_samples=None) -> list:
        """mmseg's, and where a sample has its label the loss of the picture beside it (``val_loss``), for validation curves."""
        # an averaged (flipped) copy has no loss of its own
        labelled = [sample for sample in data_samples or [] if 'gt_sem_seg' in sample and sample.metainfo.get('flip') is None]
        results = super().postprocess_result(seg_logits, data_samples)
        for sample in labelled:
            logits, label = sample.seg_logits.data[None], sample.gt_sem_seg.data.to(seg_logits.device)
            if logits.shape[2:] == label.shape[1:]:
                sample.set_metainfo(dict(val_loss=self._loss_terms(logits, label)))
        return results

    def _loss_terms(self, logits: Tensor, label: Tensor) -> dict:
        loss = self.decode_head.loss_decode
        terms = loss.terms(logits, label) if hasattr(loss, 'terms') else {}
        return {name: float(value) for name, value in terms.items()}

    def whole_inference(self, inputs: Tensor, batch_img_metas: list) -> Tensor:
        """Logits over whole pictures, computed at ``test_cfg.size`` if that is set."""
        size = self.test_cfg.get('size', None)
        if size is None or tuple(size) == tuple(inputs.shape[2:]):
            return self._forward(inputs)
        small = F.interpolate(inputs, size=tuple(size), mode='bilinear', antialias=True)
        return resize(self._forward(small), size=inputs.shape[2:], mode='bilinear', align_corners=self.align_corners)

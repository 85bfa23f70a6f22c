import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from torch import Tensor

from ...errors import CheckpointError, ConfigError
from ...feature_cache import PictureMaps, training_maps
from ...fileio.checksum import checksum
from ...geometry import box_around, fov_scale
from ..encoders.contract import Encoder, encoder_of
from ..encoders.trained import is_trained, keep_all_tensors
from ..precision import check_precision, computing_in
from .norms import norms_explained
from .slim import fill_encoder, slim_state_dict
from .tta import tta_poses
from .windows import blend_windows

IGNORE = 255
OUTSIDE = (10.0, -10.0)  # logits where no vessel can be: outside the field of view
TEST_KEYS = {'mode', 'size', 'crop_size', 'stride', 'zoom', 'pixels_per_degree', 'window_batch', 'crop_to_fov', 'tta', 'threshold'}


@MODELS.register_module()
class VesselSegmentor(EncoderDecoder):
    """mmseg's ``EncoderDecoder`` for pictures of any size, with logits at input resolution whatever the head's stride.

    Differences:

    - Inputs are padded (right, bottom) to multiples of the patch size and the logits cut back, never squeezed.
    - Test pipelines hold no size and labels stay at native resolution: ``test_cfg`` says how a picture is predicted.
    - Outside the field of view, where a sample has one, the prediction is background.
    - Loading a checkpoint is strict, however it is loaded: a name too many or too few is an error, except that the encoder as a
      whole may be absent (then what the backbone loaded stays, if it is the one that the checkpoint was trained with).

    ``test_cfg``:

    - ``mode='whole'``: the whole picture resized to ``size=(H, W)`` (antialiased), the logits back; ``size=None`` keeps the picture's.
    - ``mode='slide'``: windows of ``crop_size`` at most ``stride`` apart over the picture scaled by ``zoom`` (input pixels to a native
      pixel, 1), ``window_batch`` (4) at a time, blended smoothly; those that see nothing of the field of view are left out.
    - ``pixels_per_degree``: with ``'slide'``, pictures are first scaled to that many pixels to a degree of the eye, by their ``fov``
      (without: not at all) and ``field_angle`` (45), so that a checkpoint of one camera fits the others; ``zoom`` is relative to it.
    - ``crop_to_fov=True``: only the box around the field of view is predicted, and pasted back.
    - ``tta``: flips, quarter turns, scales whose probabilities are averaged, see :func:`.tta.tta_poses`.
    - ``threshold``: probability above which a pixel is vessel, 0.5.

    Args:
        precision (str): Of the convolutions of neck and heads: ``'float32'``, ``'bfloat16'``, or ``'auto'``, bfloat16 where the machine
            computes it natively.  Parameters, batch norm, logits and losses are float32 in each case; the backbone has its own.
        The others are those of ``EncoderDecoder``.

    Shapes:
        Input ``(N, 3, H, W)``; logits ``(N, 2, H, W)``.
    """

    def __init__(self, *args, precision='float32', **kwargs):
        super().__init__(*args, **kwargs)
        self.precision = check_precision('VesselSegmentor', precision)
        self.feature_cache = None  # of FeatureCacheHook: training views
        self.picture_cache = None  # of FeatureCacheHook: whole pictures
        self._picture_maps = None  # of the picture that is being predicted
        self._head_needs_picture = getattr(self.decode_head, 'needs_picture', False)
        if self.out_channels != 2:
            raise ConfigError(
                f'VesselSegmentor: the decode head has {self.out_channels} output channels; vessels are segmented with two classes and '
                'softmax: set decode_head.num_classes=2 and leave out_channels out'
            )
        self._check_test_cfg()
        self.encoder.check_trainable()
        keep_all_tensors(self, self.backbone)
        self._register_load_state_dict_pre_hook(self._refuse_misfit)

    def _check_test_cfg(self) -> None:
        cfg = self.test_cfg or {}
        unknown = set(cfg) - TEST_KEYS
        if unknown:
            raise ConfigError(f'VesselSegmentor: model.test_cfg has no {sorted(unknown)}; it takes {", ".join(sorted(TEST_KEYS))}')
        if cfg.get('mode', 'whole') not in ('whole', 'slide'):
            raise ConfigError(f"VesselSegmentor: test_cfg.mode={cfg['mode']!r}, expected 'whole' or 'slide'")
        if cfg.get('mode') == 'slide':
            crop, stride = cfg.get('crop_size') or (), cfg.get('stride') or ()
            if len(crop) != 2 or len(stride) != 2 or min(*crop, *stride) < 1 or any(s > c for s, c in zip(stride, crop)):
                raise ConfigError(
                    f"VesselSegmentor: test_cfg.mode='slide' needs crop_size and stride, (height, width) each, stride no larger; "
                    f'got crop_size={cfg.get("crop_size")}, stride={cfg.get("stride")}'
                )
        if cfg.get('zoom', 1.0) <= 0 or cfg.get('window_batch', 1) < 1:
            raise ConfigError('VesselSegmentor: test_cfg.zoom must be above 0 and window_batch 1 or more')
        density = cfg.get('pixels_per_degree')
        if density is not None and (cfg.get('mode') != 'slide' or not density > 0):
            raise ConfigError(f"VesselSegmentor: test_cfg.pixels_per_degree={density} must be above 0, and needs mode='slide'")
        if not 0 <= cfg.get('threshold', 0.5) < 1:
            raise ConfigError(f'VesselSegmentor: test_cfg.threshold={cfg["threshold"]} must lie in [0, 1)')
        tta_poses(cfg.get('tta', False))

    def slim_state_dict(self, state_dict: dict) -> dict:
        """``state_dict`` as a checkpoint keeps it: without the encoder where a weights file has it, see :mod:`.slim`."""
        return slim_state_dict(state_dict, self)

    def _refuse_misfit(self, state_dict, prefix, *args, **kwargs) -> None:
        keep_all_tensors(self, self.backbone)
        fill_encoder(state_dict, prefix, self)
        mine = {prefix + name: tensor for name, tensor in self.state_dict().items()}
        missing = [name for name in mine if name not in state_dict and not name.endswith('num_batches_tracked')]
        unexpected = [name for name in state_dict if name not in mine and name.startswith(prefix)]
        wrong = [
            f'{name} {tuple(state_dict[name].shape)} instead of {tuple(tensor.shape)}'
            for name, tensor in mine.items()
            if name in state_dict and state_dict[name].shape != tensor.shape and not name.endswith('.pos_embed')
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

    @property
    def encoder(self) -> Encoder:
        """The backbone, asked by the contract of encoders (see :func:`.contract.encoder_of`)."""
        return encoder_of(self.backbone)

    def train(self, mode: bool = True):
        """As any module's; what was put into the backbone since is saved from here on.  Returns self."""
        keep_all_tensors(self, self.backbone)
        return super().train(mode)

    def _patch_size(self) -> int:
        return self.encoder.patch_size

    def encode(self, inputs: Tensor) -> tuple:
        """The backbone's maps of ``(N, 3, H, W)`` pictures, padded to multiples of the patch size."""
        return self.backbone(self._padded(inputs))

    def _padded(self, inputs: Tensor) -> Tensor:
        patch, (height, width) = self._patch_size(), inputs.shape[2:]
        return F.pad(inputs, (0, -width % patch, 0, -height % patch))

    def fuse(self, maps: tuple):
        """Feature maps for the heads: the backbone's through the neck."""
        with computing_in(self.precision, maps[0].device):
            return self.neck(maps) if self.with_neck else maps

    def extract_feat(self, inputs: Tensor):
        """Feature maps of ``(N, 3, H, W)`` pictures."""
        return self.fuse(self.encode(inputs))

    def decode(self, features, inputs: Tensor) -> Tensor:
        """Logits ``(N, 2, H, W)`` over ``inputs`` from their feature maps."""
        with computing_in(self.precision, inputs.device):
            logits = self.decode_head(features, self._padded(inputs)) if self._head_needs_picture else self.decode_head(features)
        return self._cut(logits.float(), inputs)

    def _cut(self, logits: Tensor, inputs: Tensor) -> Tensor:
        """Head output -> logits exactly over ``inputs``: upsample to the padded size if the head has a stride, drop the padding."""
        patch, (height, width) = self._patch_size(), inputs.shape[2:]
        padded = (height + -height % patch, width + -width % patch)
        if logits.shape[2:] != padded:
            logits = resize(logits, size=padded, mode='bilinear', align_corners=self.align_corners)
        return logits[:, :, :height, :width]

    def _forward(self, inputs: Tensor, data_samples=None) -> Tensor:
        """Logits ``(N, 2, H, W)`` of normalised pictures ``(N, 3, H, W)``."""
        if self._picture_maps is None:
            maps = self.encode(inputs)
        else:
            maps = self._picture_maps.encode(self.encode, inputs, self.encoder.map_shape(*inputs.shape[2:]))
        return self.decode(self.fuse(maps), inputs)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list) -> Tensor:
        """mmseg's name for :meth:`_forward`."""
        return self._forward(inputs)

    def loss(self, inputs: Tensor, data_samples: list) -> dict:
        """Losses of the decode head (prefix ``decode.``) and of auxiliary heads (``aux.``)."""
        self._drop_stale_caches()
        with norms_explained(self, inputs.shape):
            maps = training_maps(self.encode, self.feature_cache, inputs, data_samples) if self.feature_cache else self.encode(inputs)
            features = self.fuse(maps)
            logits = self.decode(features, inputs)
            losses = add_prefix(self.decode_head.loss_by_feat(logits, data_samples), 'decode')
            losses['Dice'] = self._batch_dice(logits.detach(), data_samples)
            if self.with_auxiliary_head:
                with computing_in(self.precision, inputs.device):
                    losses.update(self._auxiliary_head_forward_train(features, data_samples))
            return losses

    def _drop_stale_caches(self) -> None:
        """Caches go if the encoder is trained after all: a hook may have unfrozen it after the start."""
        if (self.feature_cache or self.picture_cache) and is_trained(self.backbone):
            self.feature_cache = self.picture_cache = None
            print_log('feature cache: off from here on, the encoder is trained now', logger='current', level=30)

    @staticmethod
    def _batch_dice(logits: Tensor, data_samples: list) -> Tensor:
        """Vessel Dice of a training batch, hard decisions, pooled, for the log."""
        label = torch.stack([sample.gt_sem_seg.data[0] for sample in data_samples])
        found, vessel, valid = logits[:, 1] > logits[:, 0], label == 1, label != IGNORE
        return 2 * (found & vessel).sum() / ((found & valid).sum() + vessel.sum()).clamp(min=1)

    # ---- prediction

    def inference(self, inputs: Tensor, batch_img_metas: list) -> Tensor:
        """Logits ``(N, 2, H, W)`` of normalised pictures, as ``test_cfg`` says; ``fov`` ``(H, W)`` in a picture's metainfo counts."""
        records = self.picture_cache.records(self.test_cfg) if self.picture_cache and self._picture_maps is None else None
        if records is not None:
            return torch.cat([self._recalled(inputs[i : i + 1], meta, records) for i, meta in enumerate(batch_img_metas)])
        fovs = [meta.get('fov') for meta in batch_img_metas]
        if any(fov is None for fov in fovs):
            return self._averaged(inputs, None)
        fov = torch.stack([torch.as_tensor(fov, device=inputs.device) for fov in fovs])[:, None] > 0
        if fov.shape[2:] != inputs.shape[2:]:  # a pipeline that resizes pictures
            fov = F.interpolate(fov.float(), size=inputs.shape[2:], mode='nearest') > 0
        density = self.test_cfg.get('pixels_per_degree')
        if self.test_cfg.get('crop_to_fov', False) or density:  # each picture has its own box and scale
            logits = inputs.new_zeros((len(inputs), 2, *inputs.shape[2:]), dtype=torch.float32)
            for i in range(len(inputs)):
                box = box_around(fov[i, 0].cpu()) if self.test_cfg.get('crop_to_fov', False) else (slice(None), slice(None))
                box = (slice(i, i + 1), slice(None), *box)
                scale = fov_scale(fov[i, 0].cpu(), density, batch_img_metas[i].get('field_angle', 45.0))
                logits[box] = self._averaged(inputs[box], fov[box], scale).float()
        else:
            logits = self._averaged(inputs, fov)
        return torch.where(fov, logits, logits.new_tensor(OUTSIDE).view(1, 2, 1, 1))

    def _recalled(self, inputs: Tensor, meta: dict, records) -> Tensor:
        """:meth:`inference` of one picture, whose maps are kept."""
        self._picture_maps = PictureMaps(records, *_contents(inputs, meta))
        try:
            return self.inference(inputs, [meta])
        finally:
            self._picture_maps = None

    def _averaged(self, inputs: Tensor, fov: Tensor | None, scale: float = 1.0) -> Tensor:
        """Logits whose softmax is the mean probability over the poses of ``test_cfg.tta``, each ``scale`` times as large."""
        poses = [pose._replace(scale=scale * pose.scale) for pose in tta_poses(self.test_cfg.get('tta', False))]
        if len(poses) == 1:
            return self._predict(inputs, fov, poses[0])
        mean = 0
        for pose in poses:
            logits = self._predict(pose.apply(inputs), None if fov is None else pose.apply(fov), pose)
            mean = mean + pose.undo(logits).float().softmax(dim=1)
        return (mean / len(poses)).clamp(min=torch.finfo(torch.float32).tiny).log()

    def _predict(self, inputs: Tensor, fov: Tensor | None, pose) -> Tensor:
        if self.test_cfg.get('mode', 'whole') == 'slide':
            return self.slide_inference(inputs, fov=fov, scale=pose.scale)
        return self.whole_inference(inputs, scale=pose.scale, lying=bool(pose.turns % 2))

    def whole_inference(self, inputs: Tensor, batch_img_metas: list | None = None, scale: float = 1.0, lying: bool = False) -> Tensor:
        """Logits of whole pictures, at ``test_cfg.size`` (turned by a quarter where they are ``lying``) or their own, times ``scale``."""
        size = self.test_cfg.get('size', None) or inputs.shape[2:]
        if lying and self.test_cfg.get('size', None):
            size = size[::-1]
        return self._resized(self._forward, inputs, scale, size)

    def slide_inference(self, inputs: Tensor, batch_img_metas: list | None = None, fov: Tensor | None = None, scale: float = 1.0) -> Tensor:
        """Logits of pictures by windows; those that see nothing of ``fov`` ``(N, 1, H, W)`` are left out."""
        cfg = self.test_cfg

        def predict(scaled: Tensor) -> Tensor:
            seen = fov if fov is None or scaled is inputs else F.interpolate(fov.float(), size=scaled.shape[2:], mode='area') > 0
            fill = scaled.new_tensor(OUTSIDE)
            return blend_windows(self._forward, scaled, cfg['crop_size'], cfg['stride'], cfg.get('window_batch', 4), seen, fill)

        return self._resized(predict, inputs, scale * cfg.get('zoom', 1.0), inputs.shape[2:])

    def _resized(self, predict, inputs: Tensor, scale: float, size) -> Tensor:
        """Predict at ``scale`` times a size (antialiased) and bring the logits back."""
        size = tuple(max(round(side * scale), 1) for side in size)
        if size == tuple(inputs.shape[2:]):
            return predict(inputs)
        logits = predict(F.interpolate(inputs, size=size, mode='bilinear', antialias=True))
        return resize(logits, size=inputs.shape[2:], mode='bilinear', align_corners=self.align_corners)

    def postprocess_result(self, seg_logits: Tensor, data_samples=None) -> list:
        """mmseg's, with ``test_cfg.threshold``; where a sample has its label the picture's loss is beside it (``val_loss``)."""
        results = super().postprocess_result(seg_logits, data_samples)
        threshold = self.test_cfg.get('threshold', 0.5)
        for sample in results:
            logits = sample.seg_logits.data[None]
            if threshold != 0.5:
                sample.pred_sem_seg.data = (logits.softmax(dim=1)[:, 1] > threshold).to(sample.pred_sem_seg.data)
            if 'gt_sem_seg' in sample and logits.shape[2:] == sample.gt_sem_seg.data.shape[1:]:
                sample.set_metainfo(dict(val_loss=self._loss_terms(logits, sample.gt_sem_seg.data.to(logits.device))))
        return results

    def _loss_terms(self, logits: Tensor, label: Tensor) -> dict:
        loss = self.decode_head.loss_decode
        terms = loss.terms(logits, label) if hasattr(loss, 'terms') else {}
        return {name: float(value) for name, value in terms.items()}


def _contents(inputs: Tensor, meta: dict) -> tuple:
    """What a picture's maps are kept under: its name and a checksum of its values and field of view."""
    seal = checksum(inputs.cpu().numpy())
    if 'fov' in meta:
        seal = checksum(f'{meta.get("field_angle")} degrees'.encode(), checksum(meta['fov'], seal))
    return f'{meta.get("name", "picture")}-{seal:08x}', seal

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import add_prefix
from torch import Tensor, nn

from ...classes import IN_WORDS, NUMBER
from ...errors import ConfigError
from ..data_preprocessor import photographs
from ..encoders.contract import Encoder, encoder_of
from ..encoders.protocol import ToldEncoder
from ..encoders.trained import keep_all_tensors
from ..following import follow_normalisation, followed
from ..padding import over_pictures, padded, padded_labels
from ..precision import check_precision, computing_in
from .norms import norms_explained
from .once import Maps, check_once
from .predictor import Network, Predictor, check_test_cfg
from .scores import batch_dice, decide, over_photograph, tell_loss
from .slim import slim_state_dict
from .strict import check_fit
from .tta import Pose

Self = TypeVar('Self', bound='VesselSegmentor')


@MODELS.register_module()
class VesselSegmentor(EncoderDecoder):
    """mmseg's ``EncoderDecoder`` for pictures of any size, with logits at input resolution whatever the head's stride.

    Differences:

    - Settings of neck, heads and data preprocessor that are ``None`` follow the encoder, see :mod:`mmseg_fundus.models.following`.
    - Inputs are padded (right, bottom) to multiples of the patch size and the logits cut back, never squeezed.
    - Test pipelines hold no size and labels stay at native resolution: ``test_cfg`` says how a picture is predicted, see
      :class:`.predictor.Predictor`.
    - Outside the field of view, where a sample has one, the prediction is background.
    - Loading a checkpoint is strict, however it is loaded: a name too many or too few is an error, except that the encoder as a
      whole may be absent (then what the backbone loaded stays, if it is the one that the checkpoint was trained with).

    Args:
        precision (str): Of the convolutions of neck and heads: ``'float32'``, ``'bfloat16'``, or ``'auto'``, bfloat16 where the machine
            computes it natively.  Parameters, batch norm, logits and losses are float32 in each case; the backbone has its own.
        **kwargs: Those of ``EncoderDecoder``.

    Shapes:
        Input ``(N, 3, H, W)``; logits ``(N, 2, H, W)``, the classes as in :mod:`mmseg_fundus.classes`.
    """

    members = 1  # networks that predict each picture, see :class:`.ensemble.VesselEnsemble`

    def __init__(self, *args: Any, neck: dict[str, Any] | None = None, precision: str = 'float32', **kwargs: Any) -> None:
        self._neck = neck
        super().__init__(*args, **kwargs)
        follow_normalisation(self.data_preprocessor, encoder_of(self.backbone))
        self.precision = check_precision('VesselSegmentor', precision)
        self._network: Network | None = None  # in the place of encode_decode, see use_network()
        # an encoder in the place of a backbone, see use_encoder()
        self._in_place: tuple[nn.Module | None, ToldEncoder | None] = (None, None)
        if self.out_channels != NUMBER:
            raise ConfigError(
                f'VesselSegmentor: the decode head has {self.out_channels} output channels; {IN_WORDS}: set '
                f'decode_head.num_classes={NUMBER} and leave out_channels out'
            )
        check_test_cfg(self.test_cfg or {})
        check_once((self.test_cfg or {}).get('encoder'), self.encoder.patch_size)
        self.encoder.check_trainable()
        keep_all_tensors(self, self.backbone)
        self._register_load_state_dict_pre_hook(self._refuse_misfit)

    def _init_decode_head(self, decode_head: dict[str, Any]) -> None:
        """mmseg's, when the backbone is there that neck and heads follow."""
        if self._neck is not None:
            self.neck = MODELS.build(followed(self._neck, self.backbone))
        super()._init_decode_head(followed(decode_head, self.backbone))

    def _init_auxiliary_head(self, auxiliary_head: dict[str, Any] | list[dict[str, Any]]) -> None:
        heads = auxiliary_head if isinstance(auxiliary_head, list) else [auxiliary_head]
        heads = [followed(head, self.backbone) for head in heads]
        super()._init_auxiliary_head(heads if isinstance(auxiliary_head, list) else heads[0])

    # ---- encoder

    @property
    def encoder(self) -> Encoder:
        """The backbone by the contract of encoders, see :func:`.contract.encoder_of`, or what was put in its place."""
        return self._put_in_place() or encoder_of(self.backbone)

    def use_encoder(self, encoder: ToldEncoder | None) -> None:
        """Have an encoder called in the place of the backbone that there is now, which it calls in its turn.

        Args:
            encoder (Encoder, optional): Is called with what the inputs show beside them, one item each: a
                :class:`~mmseg_fundus.geometry.Place` in a prediction, a training sample's ``shown``, or ``None``.  Another backbone
                that is put in later is called itself.  ``None`` puts nothing in its place.
        """
        self._in_place = (self.backbone, encoder)

    def _put_in_place(self) -> ToldEncoder | None:
        backbone, encoder = self._in_place
        return encoder if backbone is self.backbone else None

    def train(self: Self, mode: bool = True) -> Self:
        """As any module's; what was put into the backbone since is saved from here on.  Returns self."""
        keep_all_tensors(self, self.backbone)
        return super().train(mode)

    # ---- checkpoints

    def slim_state_dict(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """``state_dict`` as a checkpoint keeps it: without the encoder where a weights file has it, see :mod:`.slim`."""
        return slim_state_dict(state_dict, self)

    def _refuse_misfit(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        keep_all_tensors(self, self.backbone)
        check_fit(state_dict, prefix, self)

    # ---- forward

    def encode(self, inputs: Tensor, shown: list[Any] | None = None) -> tuple[Tensor, ...]:
        """The backbone's maps of ``(N, 3, H, W)`` pictures, padded to multiples of the patch size; ``shown`` as in :meth:`use_encoder`."""
        inputs, encoder = padded(inputs, self.encoder.patch_size), self._put_in_place()
        return self.backbone(inputs) if encoder is None else encoder(inputs, shown)

    def fuse(self, maps: Sequence[Tensor], neck: nn.Module | None = None) -> Sequence[Tensor]:
        """Feature maps for the heads: the backbone's through a neck, by default the model's own."""
        if neck is None and self.with_neck:
            neck = self.neck
        with computing_in(self.precision, maps[0].device):
            return neck(maps) if neck is not None else maps

    def extract_feat(self, inputs: Tensor) -> Sequence[Tensor]:
        """Feature maps of ``(N, 3, H, W)`` pictures."""
        return self.fuse(self.encode(inputs))

    def decode(self, features: Maps, inputs: Tensor, head: nn.Module | None = None, pose: Pose | None = None) -> Tensor:
        """Logits ``(N, 2, H, W)`` over ``inputs`` from their feature maps, of a decode head, by default the model's own.

        With a ``pose`` the head sees maps and padded pictures mirrored and turned by it, and the logits are turned back.
        """
        patch = self.encoder.patch_size
        head = self.decode_head if head is None else head
        with computing_in(self.precision, inputs.device):
            looks = [padded(look, patch) for look in self._looks(inputs, head)]
            if pose is None:
                logits = head(features, *looks)
            else:
                logits = pose.undo(head(tuple(map(pose.apply, features)), *map(pose.apply, looks)))
        return over_pictures(logits.float(), inputs, patch, self.align_corners)

    def _looks(self, inputs: Tensor, head: nn.Module) -> tuple[Tensor, ...]:
        """What a decode head sees beside the features: the normalised pictures, the photographs of 0 to 1, or nothing."""
        needs = getattr(head, 'needs_picture', None)
        return (photographs(inputs, self.data_preprocessor),) if needs == 'photograph' else (inputs,) if needs else ()

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[Any] | None = None) -> Tensor:
        """Logits ``(N, 2, H, W)`` of normalised pictures ``(N, 3, H, W)``; the other argument is ``shown`` of :meth:`use_encoder`."""
        return self.decoded(self.features(inputs, batch_img_metas), inputs)

    @property
    def patch(self) -> int:
        """Side of the encoder's patches, in pixels."""
        return self.encoder.patch_size

    def features(self, inputs: Tensor, shown: list[Any] | None = None) -> list[Maps]:
        """What the decode head of each member takes of pictures ``(N, 3, H, W)``; ``shown`` as in :meth:`use_encoder`."""
        return [self.fuse(self.encode(inputs, shown))]

    def decoded(self, features: list[Maps], inputs: Tensor, pose: Pose | None = None) -> Tensor:
        """Logits ``(N, members * 2, H, W)`` of pictures and their :meth:`features`; ``pose`` as in :meth:`decode`."""
        return self.decode(features[0], inputs, pose=pose)

    def _forward(self, inputs: Tensor, data_samples: Sequence[SegDataSample] | None = None) -> Tensor:
        """:meth:`encode_decode`, as mmseg calls it for ``mode='tensor'``."""
        return self.encode_decode(inputs)

    def loss(self, inputs: Tensor, data_samples: Sequence[SegDataSample]) -> dict[str, Tensor]:
        """Losses of the decode head (prefix ``decode.``) and of auxiliary heads (``aux.``)."""
        with norms_explained(self, inputs.shape):
            features = self.fuse(self.encode(inputs, [sample.get('shown') for sample in data_samples]))
            logits = self.decode(features, inputs)
            losses = add_prefix(self.decode_head.loss_by_feat(logits, data_samples), 'decode')
            losses['Dice'] = batch_dice(logits.detach(), data_samples)
            if self.with_auxiliary_head:
                with computing_in(self.precision, inputs.device):
                    data_samples = padded_labels(data_samples, inputs, self.encoder.patch_size)
                    losses.update(self._auxiliary_head_forward_train(features, data_samples))
            return losses

    # ---- prediction

    def use_network(self, network: Network | None) -> None:
        """Have predictions computed by something else than :meth:`encode_decode` that computes the same; ``None``: by that again."""
        self._network = network

    def _predictor(self) -> Predictor:
        if self._network is not None:
            return Predictor(self._network, self.test_cfg, self.align_corners, self.members)
        return Predictor(self.encode_decode, self.test_cfg, self.align_corners, self.members, self)

    def inference(self, inputs: Tensor, batch_img_metas: Sequence[Mapping[str, Any]]) -> Tensor:
        """Logits ``(N, 2, H, W)`` of normalised pictures, as ``test_cfg`` says, see :meth:`.Predictor.predict`."""
        return self._predictor().predict(inputs, batch_img_metas)

    def whole_inference(self, inputs: Tensor, batch_img_metas: Sequence[Mapping[str, Any]] | None = None) -> Tensor:
        """Logits of whole pictures, at ``test_cfg.size`` or their own."""
        return self._predictor().whole(inputs, Predictor.places(inputs, batch_img_metas))

    def slide_inference(
        self, inputs: Tensor, batch_img_metas: Sequence[Mapping[str, Any]] | None = None, fov: Tensor | None = None
    ) -> Tensor:
        """Logits of pictures by windows; those that see nothing of ``fov`` ``(N, 1, H, W)`` are left out."""
        return self._predictor().slide(inputs, Predictor.places(inputs, batch_img_metas), fov)

    def postprocess_result(self, seg_logits: Tensor, data_samples: Sequence[SegDataSample] | None = None) -> list[SegDataSample]:
        """As mmseg's, with ``test_cfg.threshold``; where a sample has its label the picture's loss is beside it (``val_loss``)."""
        results = [SegDataSample() for _ in seg_logits] if data_samples is None else list(data_samples)
        for logits, sample in zip(seg_logits, results):
            sample.set_data(dict(seg_logits=PixelData(data=over_photograph(logits, sample.metainfo, self.align_corners))))
            self._combine(sample)
            decide(sample, self.test_cfg.get('threshold', 0.5))
            tell_loss(sample, self.decode_head.loss_decode)
        return results

    def _combine(self, sample: SegDataSample) -> None:
        """Where one picture is predicted by several, make one prediction of theirs, in place."""

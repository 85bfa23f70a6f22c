import copy
from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ...classes import NUMBER, VESSEL
from ...errors import ConfigError, TrainingError
from ..following import followed
from .members import mean_logits
from .once import Maps
from .tta import Pose
from .vessel_segmentor import VesselSegmentor


@MODELS.register_module()
class VesselEnsemble(VesselSegmentor):
    """Several networks of one config, trained apart, that predict each picture together: their mean probability, and how they differ.

    The encoder is one, and computed once.  The first member is the model's own neck and decode head, the others are in ``others``.
    Test-time augmentation and windows are each member's own; the mean of the members is taken last.

    A prediction has beside ``seg_logits`` (log of the mean probability) and ``pred_sem_seg`` a ``vessel_spread`` ``(1, H, W)``: the
    standard deviation (population) of the members' vessel probabilities, 0 to 0.5, 0 outside the field of view.

    It is not trained: train its members, and put their checkpoints together (:func:`mmseg_fundus.engine.ensemble.merge_members`).

    Args:
        members (int): How many, 2 or more.
        **kwargs: Those of :class:`VesselSegmentor`; auxiliary heads are left out.

    Raises:
        ConfigError: If there are fewer.

    Shapes:
        Input ``(N, 3, H, W)``; :meth:`encode_decode` gives ``(N, members * 2, H, W)``, ``mode='tensor'`` ``(N, 2, H, W)``.
    """

    def __init__(self, *args: Any, members: int, **kwargs: Any) -> None:
        if type(members) is not int or members < 2:
            raise ConfigError(f'VesselEnsemble: members={members!r}, 2 or more were expected; of a single one use VesselSegmentor')
        kwargs['auxiliary_head'] = None  # helps a training alone
        self.members = members  # read while the heads are built
        super().__init__(*args, **kwargs)

    def _init_decode_head(self, decode_head: dict[str, Any]) -> None:
        def part(cfg: Any) -> nn.Module:
            built: nn.Module = MODELS.build(followed(copy.deepcopy(cfg), self.backbone))
            return built

        super()._init_decode_head(copy.deepcopy(decode_head))
        parts = {'decode_head': decode_head, **({} if self._neck is None else {'neck': self._neck})}
        self.others = nn.ModuleList(nn.ModuleDict({name: part(cfg) for name, cfg in parts.items()}) for _ in range(self.members - 1))

    def features(self, inputs: Tensor, shown: list[Any] | None = None) -> list[Maps]:
        """Of each member, fused by its own neck."""
        maps = self.encode(inputs, shown)
        return [self.fuse(maps), *(self.fuse(maps, dict(one.named_children()).get('neck')) for one in self.others)]

    def decoded(self, features: list[Maps], inputs: Tensor, pose: Pose | None = None) -> Tensor:
        """Logits of all members ``(N, members * 2, H, W)``."""
        heads = [self.decode_head, *(dict(one.named_children())['decode_head'] for one in self.others)]
        return torch.cat([self.decode(maps, inputs, head, pose) for maps, head in zip(features, heads)], dim=1)

    def _forward(self, inputs: Tensor, data_samples: Sequence[SegDataSample] | None = None) -> Tensor:
        """Log of the mean probability ``(N, 2, H, W)``."""
        return mean_logits(self.encode_decode(inputs))

    def _combine(self, sample: SegDataSample) -> None:
        logits = sample.seg_logits.data.float()
        probability = logits.unflatten(0, (-1, NUMBER)).softmax(dim=1)[:, VESSEL]
        spread = probability.std(dim=0, unbiased=False)[None]
        sample.set_data(dict(seg_logits=PixelData(data=mean_logits(logits, dim=0)), vessel_spread=PixelData(data=spread)))

    def loss(self, inputs: Tensor, data_samples: Sequence[SegDataSample]) -> NoReturn:
        """Raises :class:`TrainingError`."""
        raise TrainingError(
            'a VesselEnsemble is not trained: train its members one by one (model.type=VesselSegmentor, another --seed each), and give '
            'their checkpoints to tools/test.py, tools/predict.py or tools/export_checkpoint.py together'
        )

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...errors import ConfigError
from ..following import named


@MODELS.register_module()
class MLAFusionNeck(BaseModule):
    """Multi-level aggregation: same-size ViT maps are projected to common channels and fused into one.

    ``'sum'`` adds the projections, as the guide's SETR does.  ``'top_down'`` is the aggregation of the SETR paper
    (https://arxiv.org/abs/2012.15840, section 3.3): each level receives the sum of the deeper ones and passes a 3x3 convolution;
    the results are concatenated and projected back, so that the decode head sees the same channels either way.

    Args:
        in_channels (int | Sequence[int], optional): Channels of the maps; one number serves every level.  ``None`` follows the encoder of
            the segmentor.
        channels (int): Channels of each projection and of the output.
        num_levels (int, optional): How many maps come in (``len(backbone.out_indices)``), shallow first.  ``None`` follows the encoder.
        fusion (str): ``'sum'`` or ``'top_down'``.
        norm_cfg (dict, optional): Normalisation behind each convolution; none by default.
        act_cfg (dict, optional): Activation behind each convolution; none by default.

    Shapes:
        Input: ``num_levels`` maps ``(N, C_i, h, w)``.  Output: a tuple of one map ``(N, channels, h, w)``.
    """

    follows = {'in_channels': 'embed_dims', 'num_levels': 'levels'}

    def __init__(
        self,
        in_channels: int | Sequence[int] | None = 768,
        channels: int = 64,
        num_levels: int | None = 4,
        fusion: str = 'sum',
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        num_levels = named(self, num_levels=num_levels)
        widths = [in_channels] * num_levels if isinstance(in_channels, int) else list(named(self, in_channels=in_channels))
        if len(widths) != num_levels or num_levels < 1:
            raise ConfigError(
                f'MLAFusionNeck: in_channels={in_channels} names {len(widths)} levels, num_levels={num_levels}; make them agree'
            )
        if fusion not in ('sum', 'top_down'):
            raise ConfigError(f"MLAFusionNeck: fusion={fusion!r} is unknown, use 'sum' or 'top_down'")
        self.fusion = fusion
        layer = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.projections = nn.ModuleList(ConvModule(width, channels, 1, **layer) for width in widths)
        if fusion == 'top_down':
            self.refinements = nn.ModuleList(ConvModule(channels, channels, 3, padding=1, **layer) for _ in widths)
            self.reduction = ConvModule(channels * num_levels, channels, 1, **layer)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor]:
        """Fuse the maps; raises :class:`ConfigError` if their number is not ``num_levels``."""
        if len(inputs) != len(self.projections):
            raise ConfigError(
                f'MLAFusionNeck was built for {len(self.projections)} levels, the backbone returns {len(inputs)}; '
                'set neck.num_levels to the number of backbone.out_indices'
            )
        levels = [projection(x) for projection, x in zip(self.projections, inputs)]
        if self.fusion == 'sum':
            return (sum(levels[1:], levels[0]),)
        aggregated: list[Tensor] = []
        for level in reversed(levels):
            aggregated.append(level + aggregated[-1] if aggregated else level)
        refined = [refine(x) for refine, x in zip(self.refinements, reversed(aggregated))]
        return (self.reduction(torch.cat(refined, dim=1)),)

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...errors import ConfigError
from ..following import named
from .vessel_head import VesselHead

# Channels of the stages, from the coarsest on (the plan of the guide's SETR); patch 8 uses three of them, 14 and 16 four, 32 all five.
STAGE_CHANNELS = (128, 128, 64, 64, 32)


@MODELS.register_module()
class VesselUpsamplingHead(VesselHead):
    """Progressive upsampling from the patch grid to full resolution: log2(patch size) stages, rounded up, then a 1x1 classifier.

    A stage is 3x3 convolution, batch norm, ReLU and 2x bilinear upsampling (``align_corners=False``); the last upsampling has what is left
    of a patch size that is no power of two (1.75x for 14).  The classifier is computed
    before the last upsampling instead of behind it: the two commute (each output pixel is a mean of classifier outputs whose weights
    add up to 1), and two channels are upsampled where there were ``stage_channels[-1]``.

    Args:
        in_channels (int): Channels of the fused map.
        patch_size (int, optional): The encoder's, 2 to 32; ``None`` follows it.
        stage_channels (Sequence[int], optional): Channels of each stage; :data:`STAGE_CHANNELS` cut to length by default.
        dropout_ratio (float): Channel dropout before the classifier, 0 to 1.
        norm_cfg (dict): Normalisation of the stages.
        **kwargs: The rest of mmseg's ``BaseDecodeHead`` (``loss_decode``, ``ignore_index`` ...).

    Shapes:
        Input: a tuple whose entry ``in_index`` is ``(N, in_channels, h, w)``.
        Output: logits ``(N, 2, patch_size * h, patch_size * w)``.
    """

    follows = {'patch_size': 'patch_size'}

    def __init__(
        self,
        in_channels: int = 64,
        patch_size: int | None = 16,
        stage_channels: Sequence[int] | None = None,
        dropout_ratio: float = 0.0,
        norm_cfg: dict[str, Any] = dict(type='BN', requires_grad=True),  # noqa: B006 (mmengine configs are dicts; never changed here)
        in_index: int = 0,
        **kwargs: Any,
    ) -> None:
        patch_size = named(self, patch_size=patch_size)
        stages = (int(patch_size) - 1).bit_length()
        if patch_size != int(patch_size) or not 1 <= stages <= len(STAGE_CHANNELS):
            raise ConfigError(f'VesselUpsamplingHead: patch_size={patch_size} must be a whole number from 2 to {1 << len(STAGE_CHANNELS)}')
        widths = list(stage_channels) if stage_channels else list(STAGE_CHANNELS[:stages])
        if len(widths) != stages:
            raise ConfigError(
                f'VesselUpsamplingHead: patch size {patch_size} takes {stages} stages, stage_channels={tuple(widths)} names {len(widths)}'
            )
        super().__init__(
            in_channels=in_channels,
            channels=widths[-1],
            dropout_ratio=dropout_ratio,
            norm_cfg=norm_cfg,
            in_index=in_index,
            **kwargs,
        )
        self.patch_size = patch_size
        factors = [2] * (stages - 1) + [patch_size / (1 << stages - 1)]  # exact, whatever the patch size
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    ConvModule(before, after, 3, padding=1, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg),
                    nn.Upsample(scale_factor=factor, mode='bilinear', align_corners=self.align_corners),
                )
                for before, after, factor in zip([in_channels, *widths], widths, factors)
            )
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits ``(N, 2, H, W)`` at the resolution of the encoder's input."""
        x = self._transform_inputs(inputs).contiguous(memory_format=torch.channels_last)
        convolution, upsampling = self.stages[-1].children()
        return upsampling(self.cls_seg(convolution(self.stages[:-1](x))).float())

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...errors import ConfigError
from ..following import named
from ..padding import padded
from .local_contrast import local_contrast, photograph_contrast
from .vessel_head import VesselHead

CONTEXTS = ('maps', 'zeros', 'noise', 'none')
SEES = ('picture', 'contrast')


@MODELS.register_module()
class VesselDetailHead(VesselHead):
    """A full-resolution detail path beside the frozen encoder: a small U-Net on the picture, whose deepest level joins the fused map.

    Vessels of one or two pixels are lost in patches of 16; a few convolutions at full resolution keep them, and the encoder's map
    says what lies around.  The picture as a further input of the decoder is UNETR's idea (https://arxiv.org/abs/2103.10504), which
    VisionFM's own vessel decoder follows.

    Args:
        in_channels (int): Channels of the fused map.
        patch_size (int, optional): The encoder's; ``None`` follows it.
        context (str): What joins the deepest level.  ``'maps'``: the encoder's, fused.  The others show in an ablation what those add:
            ``'zeros'`` and ``'noise'`` (standard normal, drawn anew each time) in their place in the same network, or ``'none'``, the
            detail path alone, without the convolutions that join them (the neck is then not trained: with several processes set
            ``find_unused_parameters=True``).
        detail_channels (Sequence[int]): Channels at full resolution, half, a quarter ...; as many levels as halve a patch down to a
            pixel, or fewer.
        local_contrast (int, optional): The path sees the picture's :func:`local_contrast` in windows of that many pixels besides, an
            odd number: how a vessel differs from what lies around it depends less on the camera and the light than its colour does.
        sees (str): ``'picture'``: the normalised picture, and its local contrast if that is set.  ``'contrast'``: nothing but the local
            contrast of the photograph inside what it shows (:func:`.local_contrast.photograph_contrast`), whatever the mean and std that
            the encoder's pictures are normalised with; for cameras that were not trained on.
        norm_cfg (dict): Normalisation behind each convolution.
        **kwargs: The rest of mmseg's ``BaseDecodeHead`` (``loss_decode``, ``dropout_ratio``, ``ignore_index`` ...).

    Shapes:
        Input: a tuple whose entry ``in_index`` is ``(N, in_channels, h, w)``, and the picture ``(N, 3, patch_size * h, patch_size * w)``.
        Output: logits ``(N, 2, patch_size * h, patch_size * w)``.
    """

    follows = {'patch_size': 'patch_size'}

    def __init__(
        self,
        in_channels: int = 64,
        patch_size: int | None = 16,
        context: str = 'maps',
        detail_channels: Sequence[int] = (12, 24, 48, 48),
        local_contrast: int | None = None,
        sees: str = 'picture',
        dropout_ratio: float = 0.0,
        norm_cfg: dict[str, Any] = dict(type='BN', requires_grad=True),  # noqa: B006 (mmengine configs are dicts; never changed here)
        in_index: int = 0,
        **kwargs: Any,
    ) -> None:
        patch_size = named(self, patch_size=patch_size)
        widths, most = list(detail_channels), (int(patch_size) - 1).bit_length() + 1
        if not 1 <= len(widths) <= most:
            raise ConfigError(f'VesselDetailHead: detail_channels={tuple(widths)} must name 1 to {most} levels for patches of {patch_size}')
        if context not in CONTEXTS:
            raise ConfigError(f'VesselDetailHead: context={context!r} is unknown, use one of {", ".join(CONTEXTS)}')
        if local_contrast is not None and (local_contrast < 3 or local_contrast % 2 == 0):
            raise ConfigError(f'VesselDetailHead: local_contrast={local_contrast} must be odd and 3 or more, or None')
        if sees not in SEES or (sees == 'contrast' and local_contrast is None):
            raise ConfigError(
                f"VesselDetailHead: sees={sees!r} with local_contrast={local_contrast}: 'picture' was expected, or 'contrast' with a "
                'window (local_contrast=33)'
            )
        if not in_channels and context != 'none':
            raise ConfigError(f"VesselDetailHead: in_channels=0 has nothing to join, context={context!r}; set context='none'")
        super().__init__(
            in_channels=in_channels, channels=widths[0], dropout_ratio=dropout_ratio, norm_cfg=norm_cfg, in_index=in_index, **kwargs
        )
        self.patch_size = patch_size
        self.context = context
        self.local_contrast = local_contrast
        self.sees = sees
        self.needs_picture = 'photograph' if sees == 'contrast' else 'normalised'
        colours = 3 if local_contrast is None or sees == 'contrast' else 6
        self.down = nn.ModuleList(self._pair(before, after) for before, after in zip([colours, *widths], widths))
        if context != 'none':
            self.join = self._pair(widths[-1] + in_channels, widths[-1])
        self.up = nn.ModuleList(self._pair(deep + level, level) for deep, level in zip(widths[:0:-1], widths[-2::-1]))

    def _pair(self, before: int, after: int) -> nn.Sequential:
        layer = dict(padding=1, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        return nn.Sequential(ConvModule(before, after, 3, **layer), ConvModule(after, after, 3, **layer))

    def forward(self, inputs: Sequence[Tensor], picture: Tensor) -> Tensor:
        """Logits ``(N, 2, H, W)`` from the fused map and the picture ``(N, 3, H, W)``: normalised, or the photograph of 0 to 1."""
        if self.sees == 'contrast' and self.local_contrast is not None:
            picture = photograph_contrast(picture, self.local_contrast)
        elif self.local_contrast is not None:
            picture = torch.cat([picture, local_contrast(picture, self.local_contrast)], dim=1)
        height, width = picture.shape[2:]
        maps, stride = self._transform_inputs(inputs), 1 << len(self.down) - 1  # of the deepest level, in pixels
        patch = int(height) // int(maps.shape[2])
        ragged = patch % stride != 0  # as 14 is of 8: the levels are halved with nothing left over only if the picture is larger
        if ragged:
            picture = padded(picture, stride)
        x = picture.contiguous(memory_format=torch.channels_last)
        levels: list[Tensor] = []
        for convolutions in self.down:
            x = convolutions(F.max_pool2d(x, 2) if levels else x)
            levels.append(x)
        deepest = levels.pop()
        if self.context != 'none':
            maps = self._replaced(maps)
            maps = self._placed(maps, patch / stride, deepest) if ragged else self._resized(maps, deepest)
            x = self.join(torch.cat([x, maps], dim=1))
        for convolutions, level in zip(self.up, reversed(levels)):
            x = convolutions(torch.cat([self._resized(x, level), level], dim=1))
        return self.cls_seg(x)[:, :, :height, :width].float() if ragged else self.cls_seg(x).float()

    def _replaced(self, maps: Tensor) -> Tensor:
        if self.context == 'maps':
            return maps
        nothing = maps * 0  # the neck still has its gradient, of zeros: several processes wait for it
        return nothing if self.context == 'zeros' else nothing + torch.randn_like(maps)

    @staticmethod
    def _placed(maps: Tensor, factor: float, like: Tensor) -> Tensor:
        """Maps ``factor`` times as fine, over a level that goes on a little at the right and bottom; exact, and the border goes on too."""
        maps = F.interpolate(F.pad(maps, (0, 2, 0, 2), mode='replicate'), scale_factor=factor, mode='bilinear', align_corners=False)
        return maps[:, :, : like.shape[2], : like.shape[3]].to(like.dtype)

    def _resized(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, size=like.shape[2:], mode='bilinear', align_corners=self.align_corners).to(like.dtype)

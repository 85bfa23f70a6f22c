"""Files that are known and cannot be an encoder here: named, with what would fit."""

from collections.abc import Mapping
from typing import Any

from .account import Found, LayoutError, unwrapped

_FITS = 'what fits is a ViT: VisionFM, RETFound, UrFound, DINOv2, DINOv3, ... (docs/weights.md)'
_KNOWN = (  # (the key that tells, how it is found, what it is)
    ('vision_model.model.layer1.0.conv1.weight', 'is FLAIR, whose encoder is a ResNet-50 and no ViT'),
    ('input_adapters.', 'is MIRAGE, which was made for OCT and SLO pictures of one channel, not for colour photographs'),
    ('global_tokens', 'is MIRAGE, which was made for OCT and SLO pictures of one channel, not for colour photographs'),
    ('layers.0.blocks.0.attn.relative_position_bias_table', 'is a Swin transformer, whose maps have several sizes'),
    ('stages.0.blocks.0.conv_dw.weight', 'is a ConvNeXt, which is no ViT'),
    ('stages.0.0.dwconv.weight', 'is a ConvNeXt, which is no ViT'),
)


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """Raise :class:`LayoutError` for a file that is known and unfit."""
    source, _ = unwrapped(loaded)
    for sign, what in _KNOWN:
        if any(isinstance(key, str) and key.startswith((sign, 'module.' + sign)) for key in source):
            raise LayoutError(f'{what}; {_FITS}')
    return None

"""Which ViT a set of tensors is, told from their names and shapes."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """A ViT by its name in timm.

    Attributes:
        name (str): timm's model, such as ``'vit_base_patch16_dinov3'``.
        options (dict): Plain values that ``timm.create_model`` takes beside the name.
        plain (bool): mmpretrain's ``VisionTransformer`` computes the same: no layer scale, registers, rotary positions or norm before the
            blocks, LayerNorm eps 1e-6, exact GELU, a square position table with a class token.
        in_words (str): ``'ViT-L/14 (1024 wide, 24 blocks, layer scale)'``.
        depth, width, heads, feedforward (int): Blocks, channels, heads of attention, channels inside the MLP.
        patch (int): Pixels on the side of a patch.
    """

    name: str
    options: dict[str, Any]
    plain: bool
    in_words: str
    depth: int
    width: int
    heads: int
    feedforward: int
    patch: int

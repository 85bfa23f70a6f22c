"""Which ViT a set of tensors is, told from their names and shapes."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isqrt
from statistics import mode
from typing import Any

from torch import Tensor

from ...errors import ConfigError, WeightsError
from ...families import Family
from .timm_model import timm_shapes
from .vit import Shapes, expected_shapes

_BLOCK = re.compile(r'blocks\.(\d{1,3})\.(.+)')
_PATCHES = (4, 8, 14, 16, 32)
_DEEPEST = 100  # blocks
_HEADS = {(1280, 32, 14): 16, (1408, 40, 14): 16, (1664, 48, 14): 16, (4096, 40, 16): 32}  # not of 64 channels: (width, depth, patch)
_SIZES = {(192, 12): 'tiny', (384, 12): 'small', (768, 12): 'base', (1024, 24): 'large', (1280, 32): 'huge', (1408, 40): 'giant'}
_LETTERS = {'tiny': 'Ti', 'small': 'S', 'base': 'B', 'large': 'L', 'huge': 'H', 'giant': 'g'}
_PLAIN = {'tiny': (16,), 'small': (16, 8, 32), 'base': (16, 8, 32), 'large': (16, 14, 32), 'huge': (14,), 'giant': (14,)}  # patches in timm
_WIDTHS = {size: key for key, size in _SIZES.items()}


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

    def expected(self) -> Shapes:
        """Names and shapes of its tensors: of a plain ViT by rule, of another as timm builds it.

        Raises:
            WeightsError: If timm is missing, or knows no such model.
        """
        if self.plain:
            side = self.options['img_size'] // self.patch
            return expected_shapes(self.width, self.depth, self.feedforward, self.patch, side * side + 1)
        try:
            return timm_shapes(self.name, self.options)
        except ConfigError as error:
            raise WeightsError(f'{self.in_words}: {error}') from error


def grid_of(tokens: int, prefix: Iterable[int] = (1, 0)) -> tuple[int, int]:
    """Side of the square that a position table's rows make, and the rows before it; ``(0, 0)`` if they make none."""
    for before in prefix:
        if tokens > before and isqrt(tokens - before) ** 2 == tokens - before:
            return isqrt(tokens - before), before
    return 0, 0


@dataclass
class _Seen:
    """What shapes say of a ViT; ``rotary`` and ``clip`` the family says."""

    shapes: Shapes
    rotary: bool
    clip: bool

    def __post_init__(self) -> None:
        self.of_blocks: dict[str, list[tuple[int, ...]]] = {}
        numbers = [-1]
        for name, shape in self.shapes.items():
            found = _BLOCK.fullmatch(name)
            if found:
                numbers.append(int(found[1]))
                self.of_blocks.setdefault(found[2], []).append(shape)
        self.depth = max(numbers) + 1
        self.registers = self.shapes.get('reg_token', (1, 0, 0))[1:2] or (0,)
        table = self.shapes.get('pos_embed', ())
        self.grid, before = grid_of(table[1], (1, 0, 1 + self.registers[0])) if len(table) == 3 else (0, 1)
        self.no_class_row = self.grid > 0 and before == 0
        self.no_class = self.no_class_row and 'cls_token' not in self.shapes

    def size(self, name: str, axis: int = 0) -> int:
        """The size that most blocks have of a tensor along an axis; 0 if none has it."""
        found = [shape[axis] for shape in self.of_blocks.get(name, []) if len(shape) > axis]
        return mode(found) if found else 0

    def has(self, name: str) -> bool:
        return name in self.of_blocks


def architecture_of(tensors: Mapping[str, Tensor], family: Family | None, heads: int | None = None) -> Architecture | None:
    """The ViT that tensors under timm's names are.

    Args:
        tensors (Mapping): ``{name: tensor}``.
        family (Family, optional): Theirs: it says what shapes do not, rotary positions and the activation.
        heads (int, optional): Of attention, if the file tells.

    Returns:
        Architecture, optional: With the sizes that most tensors have, so that one that is missing or misshapen is found out when all are
        compared with it; ``None`` if they are no ViT.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    name = family.name if family else ''
    seen = _Seen(shapes, rotary=name == 'dinov3', clip='norm_pre.weight' in shapes)
    kernel = shapes.get('patch_embed.proj.weight', ())
    width, feedforward = seen.size('norm1.weight'), seen.size('mlp.fc2.weight', 1)
    if len(kernel) != 4 or kernel[2] != kernel[3] or kernel[2] not in _PATCHES or not width or not feedforward:
        return None
    patch = kernel[2]
    if not 0 < seen.depth <= _DEEPEST:
        return None
    heads = heads or _HEADS.get((width, seen.depth, patch)) or (width // 64 if width % 64 == 0 else max(width // 16, 1))
    if seen.rotary:
        model, options = _rotary(seen, width, feedforward, heads, patch)
    else:
        model, options = _absolute(seen, width, feedforward, heads, patch, name == 'openclip')
    gated = seen.size('mlp.fc1.weight') == 2 * feedforward or seen.has('mlp.fc1_g.weight')
    traits = {
        'layer scale': seen.has('ls1.gamma') or seen.has('gamma_1'),
        f'{seen.registers[0]} registers': seen.registers[0] > 0,
        'rotary positions': seen.rotary,
        'gated MLP': gated,
        'norm before the blocks': seen.clip,
    }
    odd = ('attn.q_norm.weight', 'attn.norm.weight', 'mlp.norm.weight')
    plain = (
        not any(traits.values())
        and not any(map(seen.has, odd))
        and not seen.no_class_row
        and (seen.has('attn.qkv.bias') or not seen.has('attn.qkv.weight'))
    )
    letter = _LETTERS.get(_SIZES.get((width, seen.depth), ''))
    words = [f'{width} wide', f'{seen.depth} blocks', *(trait for trait, has in traits.items() if has)]
    in_words = f'ViT{f"-{letter}" if letter else ""}/{patch} ({", ".join(words)})'
    return Architecture(model, options, plain, in_words, seen.depth, width, heads, feedforward, patch)


def _sizes(known: tuple[int, int, int, int], width: int, depth: int, heads: int, hidden: int, default: int) -> dict[str, Any]:
    """The options in which a ViT departs from timm's model of a name; ``known``: its width, depth, heads, and channels in the MLP."""
    options: dict[str, Any] = {}
    for option, value, own in zip(('embed_dim', 'depth', 'num_heads'), (width, depth, heads), known):
        if value != own:
            options[option] = value
    if hidden != default:
        ratio = hidden / width
        options['mlp_ratio'] = ratio if int(width * ratio) == hidden else (hidden + 0.5) / width
    return options


def _rotary(seen: _Seen, width: int, feedforward: int, heads: int, patch: int) -> tuple[str, dict[str, Any]]:
    gated = seen.has('mlp.fc1_g.weight')
    table = {
        (384, False): ('small', 384, 12, 6, 4),
        (384, True): ('small_plus', 384, 12, 6, 4),
        (1024, False): ('large', 1024, 24, 16, 4),
        (1280, True): ('huge_plus', 1280, 32, 20, 4),
        (4096, True): ('7b', 4096, 40, 32, 2),
    }
    fallback = ('small_plus', 384, 12, 6, 4) if gated else ('base', 768, 12, 12, 4)
    size, own_width, own_depth, own_heads, ratio = table.get((width, gated), fallback)
    biased = seen.has('attn.q_bias')
    name = f'vit_{size}_patch16_dinov3' + ('_qkvb' if biased and size != '7b' else '')
    options = _sizes((own_width, own_depth, own_heads, 0), width, seen.depth, heads, feedforward, ratio * width)
    if biased and size == '7b':
        options['qkv_bias'] = True
    if patch != 16:
        options['patch_size'] = patch
    if seen.registers[0] != 4:
        options['num_reg_tokens'] = seen.registers[0]
    return name, options


def _absolute(seen: _Seen, width: int, feedforward: int, heads: int, patch: int, exact_gelu: bool) -> tuple[str, dict[str, Any]]:
    scaled, gated = seen.has('ls1.gamma'), seen.size('mlp.fc1.weight') == 2 * feedforward
    size = _SIZES.get((width, seen.depth), 'base')
    ratio, hidden = 4.0, 2 * feedforward if gated else feedforward
    if seen.clip:
        size = size if size in ('base', 'large', 'huge') else 'base'
        named = {'base': 16, 'large': 14, 'huge': 14}[size]
        name = f'vit_{size}_patch{named}_clip_{"" if exact_gelu else "quickgelu_"}224'
    elif gated:
        size, named, ratio = 'giant', 14, 2.66667 * 2
        name = f'vit_giant_patch14_{"reg4_" if seen.registers[0] else ""}dinov2'
    elif scaled and (patch == 14 or seen.registers[0]):
        size = size if size in ('small', 'base', 'large') else 'base'
        named = 14
        name = f'vit_{size}_patch14_{"reg4_" if seen.registers[0] else ""}dinov2'
    else:
        patches = _PLAIN[size]
        named = patch if patch in patches else patches[0]
        name = f'vit_{size}_patch{named}_224'
        ratio = 48 / 11 if size == 'giant' else 4.0
    own_width, own_depth = (1536, 40) if gated else _WIDTHS[size]
    own_heads = 24 if gated else _HEADS.get((own_width, own_depth, 14), own_width // 64)
    if seen.clip and size == 'huge':
        own_heads = 16
    options = _sizes((own_width, own_depth, own_heads, 0), width, seen.depth, heads, hidden, int(width * ratio))
    if patch != named:
        options['patch_size'] = patch
    options['img_size'] = (seen.grid or 14) * patch
    if scaled and 'dinov2' not in name:
        options['init_values'] = 1e-5
    if seen.registers[0] and (seen.registers[0] != 4 or 'reg4' not in name):
        options['reg_tokens'] = seen.registers[0]
    if seen.no_class:
        options.update(class_token=False, global_pool='')
    elif seen.no_class_row != ('reg4' in name):
        options['no_embed_class'] = seen.no_class_row
    if seen.has('attn.qkv.weight') and not seen.has('attn.qkv.bias'):
        options['qkv_bias'] = False
    if seen.has('attn.q_norm.weight'):
        options['qk_norm'] = True
    return name, options

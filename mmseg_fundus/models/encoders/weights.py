"""Encoder weights: name a checkpoint's layout, rename its keys, account for every one of them."""

import os
import re
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path

import torch
from torch import Tensor

from ...errors import WeightsError, told_as
from ...fileio.archive import check_archive
from ...fileio.checksum import file_sha256
from ...fileio.safe_load import LONGEST, OPT_IN, find_file, plain, safe_load

# RGB, pixel values 0 to 1.  VisionFM was trained with these on fundus photographs (its `get_stats('Fundus')`); a frozen encoder
# cannot adapt to others.
VFM_MEAN = (0.423737496137619, 0.2609460651874542, 0.128403902053833)
VFM_STD = (0.29482534527778625, 0.20167365670204163, 0.13668020069599152)

_NAMED_BY = 'Put it there, or name yours: --weights FILE, FUNDUS_WEIGHTS=FILE in the environment, or model.backbone.weights in the config'
_OPT_IN = '--allow-unsafe, or allow_unsafe=True in the config'
_BRANCHES = ('teacher', 'student')
_WRAPPERS = ('state_dict', 'model')
_PREFIXES = ('module.', 'backbone.', 'encoder.')
_DROPPED = re.compile(r'(head\.|masked_embed$)')
_MAE_DECODER = re.compile(r'(mask_token$|decoder_(pos_embed$|embed\.|blocks\.|norm\.|pred\.))')
_QKV = re.compile(r'(blocks\.\d+\.attn)\.([qkv])\.(weight|bias)')


@dataclass
class EncoderWeights:
    """What was found in a weights file.

    Attributes:
        tensors (dict[str, Tensor]): Encoder tensors under VisionFM's (timm's) names, float32.
        path (str): Absolute path of the file.
        sha256 (str): Of the whole file.
        layout (str): In words, e.g. ``"'teacher' of a student/teacher checkpoint"``.
        dropped (list[str]): Keys knowingly left out (projection head, mask token, a masked autoencoder's decoder).
        notes (list[str]): Other things done on the way (q/k/v joined, precision raised).
    """

    tensors: dict
    path: str
    sha256: str = ''
    layout: str = ''
    dropped: list = field(default_factory=list)
    notes: list = field(default_factory=list)


def expected_shapes(embed_dims: int, num_layers: int, feedforward_channels: int, patch_size: int, num_tokens: int) -> dict:
    """Names and shapes of the 4 + 12 per block + 2 tensors of a plain ViT, in VisionFM's (timm's) naming."""
    c, f = embed_dims, feedforward_channels
    shapes = {
        'cls_token': (1, 1, c),
        'pos_embed': (1, num_tokens, c),
        'patch_embed.proj.weight': (c, 3, patch_size, patch_size),
        'patch_embed.proj.bias': (c,),
    }
    block = {
        **{f'{norm}.{part}': (c,) for norm in ('norm1', 'norm2') for part in ('weight', 'bias')},
        **{'attn.qkv.weight': (3 * c, c), 'attn.qkv.bias': (3 * c,), 'attn.proj.weight': (c, c), 'attn.proj.bias': (c,)},
        **{'mlp.fc1.weight': (f, c), 'mlp.fc1.bias': (f,), 'mlp.fc2.weight': (c, f), 'mlp.fc2.bias': (c,)},
    }
    for i in range(num_layers):
        shapes.update({f'blocks.{i}.{name}': shape for name, shape in block.items()})
    shapes.update({'norm.weight': (c,), 'norm.bias': (c,)})
    return shapes


def to_mmpretrain(name: str) -> str:
    """``'blocks.3.mlp.fc1.weight'`` -> ``'layers.3.ffn.layers.0.0.weight'``: the name mmpretrain's ViT gives the tensor."""
    for pattern, replacement in (
        (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
        (r'^blocks\.', 'layers.'),
        (r'\.norm([12])\.', r'.ln\1.'),
        (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
        (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
        (r'^norm\.', 'ln1.'),
    ):
        name = re.sub(pattern, replacement, name)
    return name


def describe(shapes: dict) -> str:
    """Say what a set of tensors (``{name: shape}``) seems to be, e.g. ``'ViT-L/16 (width 1024, 24 blocks, patch 16)'``."""
    patch = shapes.get('patch_embed.proj.weight')
    if patch is not None and len(patch) == 4:
        depth = len({m.group(1) for m in (re.match(r'blocks\.(\d+)\.', name) for name in shapes) if m})
        letter = {(192, 12): 'Ti', (384, 12): 'S', (768, 12): 'B', (1024, 24): 'L', (1280, 32): 'H'}.get((patch[0], depth), '')
        name = f'ViT-{letter}/{patch[2]}' if letter else 'ViT'
        return f'{name} (width {patch[0]}, {depth} blocks, patch {patch[2]}, {patch[1]} input channels)'
    if any(name.startswith('decode_head.') for name in shapes):
        return 'a trained segmentation model (a checkpoint: give it to tools/test.py instead, and name its encoder here)'
    for key, kind in (
        ('layer1.0.conv1.weight', 'a ResNet'),
        ('stages.0.0.dwconv.weight', 'a ConvNeXt'),
        ('layers.0.blocks.0.attn.qkv.weight', 'a Swin transformer'),
        ('layers.0.ln1.weight', "a ViT under mmpretrain's names; a pretraining of tools/train.py writes encoder.pth beside it, name that"),
    ):
        if key in shapes:
            return kind
    some = ', '.join(plain(name) for name in sorted(shapes)[:3])
    return f'no ViT known here (its first keys: {some})' if shapes else 'empty'


def _choose(loaded, key: str, path: Path):
    """The dict of tensors inside a loaded checkpoint and the layout in words."""
    if not isinstance(loaded, dict):
        raise WeightsError(f'{path} holds a {type(loaded).__name__}; a dict of tensors was expected')
    branches = [name for name in _BRANCHES if isinstance(loaded.get(name), dict)]
    if branches:
        if key not in branches:
            raise WeightsError(f'{path} has no {key!r} weights, it holds {", ".join(branches)}; set checkpoint_key={branches[0]!r}')
        return loaded[key], f'{key!r} of a student/teacher checkpoint'
    for name in _WRAPPERS:
        if isinstance(loaded.get(name), dict):
            return loaded[name], f'{name!r} of a training checkpoint'
    return loaded, 'flat (a dict of tensors)'


def _bare_name(name: str) -> str:
    while prefix := next((prefix for prefix in _PREFIXES if name.startswith(prefix)), ''):
        name = name[len(prefix) :]
    return name


def _join_qkv(tensors: dict) -> int:
    """Concatenate separate ``attn.q/k/v`` in place; returns how many tensors were made.  Triples that do not fit stay."""
    parts = {}
    for name in tensors:
        match = _QKV.fullmatch(name)
        if match:
            parts.setdefault(f'{match.group(1)}.qkv.{match.group(3)}', {})[match.group(2)] = name
    made = {}
    for joined, names in parts.items():
        three = [tensors[names[letter]] for letter in 'qkv' if letter in names]
        alike = len({(part.ndim > 0, part.shape[1:], part.dtype, part.layout) for part in three}) == 1 and three[0].ndim
        if len(three) == 3 and alike and three[0].layout == torch.strided and joined not in tensors:
            made[joined] = torch.cat([tensors.pop(names[letter]) for letter in 'qkv'])
    tensors.update(made)
    return len(made)


def read_encoder(path, checkpoint_key: str = 'teacher', allow_unsafe: bool = False) -> EncoderWeights:
    """Read the encoder tensors of a checkpoint, whatever they are called in it, without checking that they fit a model.

    Understands VisionFM / iBOT / DINO training checkpoints (``teacher``, ``student``), ``state_dict`` and ``model`` wrappers, flat
    dicts, the prefixes ``module.``, ``backbone.`` and ``encoder.``, and separate q, k, v projections.

    Args:
        path (str | Path): The file.
        checkpoint_key (str): ``'teacher'`` (as VisionFM's own loader does) or ``'student'``; for files that hold both.
        allow_unsafe (bool): See :func:`.safe_load.safe_load`.

    Returns:
        EncoderWeights: Without ``sha256`` (see :func:`load_encoder`).

    Raises:
        WeightsError: If the file cannot be read, lacks the branch, or two of its keys mean the same tensor.
    """
    if checkpoint_key not in _BRANCHES:
        raise WeightsError(f"checkpoint_key must be 'teacher' or 'student', not {checkpoint_key!r}")
    with told_as(WeightsError):
        path = find_file(path, 'weights file', _NAMED_BY)
        loaded = safe_load(path, allow_unsafe or bool(os.environ.get(OPT_IN)), mapped=True, opt_in=_OPT_IN)
    source, layout = _choose(loaded, checkpoint_key, path)
    found = EncoderWeights({}, str(path), layout=layout)
    for about in (getattr(loaded.get('args'), 'standin', None), getattr(loaded, 'metadata', loaded).get('about')):
        if isinstance(about, str):
            found.notes.append(plain(about, 200))
    origin, others = {}, []
    autoencoder = any(isinstance(key, str) and _bare_name(key).startswith('decoder_blocks.') for key in source)
    for key, value in source.items():
        if not isinstance(key, str):
            raise WeightsError(f'{path} has a key that is a {type(key).__name__}, no name, under {layout}; a dict of tensors was expected')
        if len(key) > LONGEST or not key.isprintable():
            raise WeightsError(f"{path} has a key of {len(key):,} characters, '{plain(key)}'; at most {LONGEST:,} printable were expected")
        name = _bare_name(key)
        if not isinstance(value, Tensor):
            others.append(key)
        elif _DROPPED.match(name) or (autoencoder and _MAE_DECODER.match(name)):
            found.dropped.append(key)
        elif name in origin:
            raise WeightsError(f'{path}: the keys {origin[name]!r} and {key!r} both mean {name!r}; keep one of them')
        else:
            origin[name] = key
            found.tensors[name] = value
    if autoencoder:
        found.notes.append(
            "masked autoencoder: its decoder is left out; such encoders were mostly trained with ImageNet's mean and std, not VisionFM's, "
            'which the configs have: model.data_preprocessor=dict(mean=(.485, .456, .406), std=(.229, .224, .225))'
        )
    if not found.tensors:
        raise WeightsError(f'{path} holds no encoder tensors under {layout} (keys there: {_some([*source]) or "none"})')
    if others:
        found.notes.append(f'{len(others)} entries that are no tensors left out: {_some(others)}')
    joined = _join_qkv(found.tensors)
    if joined:
        found.notes.append(f'separate q, k, v joined into {joined} qkv tensors')
    return found


@dataclass
class Match:
    """How a set of tensors fits what an encoder expects: names by verdict."""

    fits: list
    missing: list
    unexpected: list
    misshaped: list  # (name, found shape, expected shape)

    @property
    def complete(self) -> bool:
        return not (self.missing or self.unexpected or self.misshaped)


def match(tensors: dict, expected: dict) -> Match:
    """Compare tensors with ``{name: shape}``.  A position table of another square grid fits: the encoder takes over its grid."""
    misshaped = []
    for name, tensor in tensors.items():
        if name in expected and tuple(tensor.shape) != expected[name] and not _is_other_grid(name, tensor, expected):
            misshaped.append((name, tuple(tensor.shape), expected[name]))
    bad = {name for name, _, _ in misshaped}
    return Match(
        fits=[name for name in expected if name in tensors and name not in bad],
        missing=[name for name in expected if name not in tensors],
        unexpected=[name for name in tensors if name not in expected],
        misshaped=misshaped,
    )


def _is_other_grid(name: str, tensor: Tensor, expected: dict) -> bool:
    if name != 'pos_embed' or tensor.ndim != 3 or tensor.shape[0] != 1 or tensor.shape[2] != expected[name][2]:
        return False
    patches = tensor.shape[1] - 1
    return patches > 0 and isqrt(patches) ** 2 == patches


def _some(names: list, most: int = 4) -> str:
    more = f', ... {len(names) - most} more' if len(names) > most else ''
    return ', '.join(map(plain, names[:most])) + more


def load_encoder(path, expected: dict, checkpoint_key: str = 'teacher', allow_unsafe: bool = False) -> EncoderWeights:
    """Read encoder weights that fit exactly: every expected tensor there, nothing else, all of the right shape and finite.

    Args:
        path (str | Path): The file.
        expected (dict): ``{name: shape}``, from :func:`expected_shapes`.
        checkpoint_key (str): See :func:`read_encoder`.
        allow_unsafe (bool): See :func:`.safe_load.safe_load`.

    Returns:
        EncoderWeights: Complete, with the file's SHA-256.

    Raises:
        WeightsError: Naming what did not fit and what the file seems to be.
    """
    found = read_fitting(path, expected, checkpoint_key, allow_unsafe)
    with told_as(WeightsError):
        check_archive(Path(found.path))
    raised = 0
    for name, tensor in found.tensors.items():
        if not tensor.is_floating_point() or tensor.layout != torch.strided:
            raise WeightsError(f'{found.path}: {name} holds {tensor.dtype} values, {tensor.layout}; dense floating point was expected')
        found.tensors[name] = tensor.to(torch.float32)
        if not torch.isfinite(found.tensors[name]).all():  # as float32: larger float64 values become infinite
            raise WeightsError(f'{found.path}: {name} holds NaN or infinite values; the file is damaged or its training diverged')
        raised += tensor.dtype != torch.float32
    if raised:
        found.notes.append(f'{raised} tensors converted to float32')
    found.sha256 = file_sha256(found.path)
    return found


def read_fitting(path, expected: dict, checkpoint_key: str = 'teacher', allow_unsafe: bool = False) -> EncoderWeights:
    """Read encoder weights whose names and shapes fit, without looking at their values (arguments and errors: :func:`load_encoder`)."""
    found = read_encoder(path, checkpoint_key, allow_unsafe)
    result = match(found.tensors, expected)
    if not result.complete:
        parts = []
        if result.missing:
            parts.append(f'{len(result.missing)} missing ({_some(result.missing)})')
        if result.unexpected:
            parts.append(f'{len(result.unexpected)} unexpected ({_some(result.unexpected)})')
        if result.misshaped:
            wrong = [f'{name} is {shape}, expected {want}' for name, shape, want in result.misshaped]
            parts.append(f'{len(wrong)} of another shape ({_some(wrong, 2)})')
        seems = describe({name: tuple(tensor.shape) for name, tensor in found.tensors.items()})
        raise WeightsError(
            f'{found.path} does not fit the encoder of this config, {describe(expected)}: the file seems to be {seems}, read as '
            f'{found.layout}; {len(result.fits)}/{len(expected)} tensors fit, {"; ".join(parts)}. '
            'Nothing was loaded. See the whole list with: python tools/check_weights.py FILE'
        )
    return found

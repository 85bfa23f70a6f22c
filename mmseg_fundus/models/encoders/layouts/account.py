"""What every family of checkpoints shares: a name for each tensor, and no key that is not accounted for."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ....errors import WeightsError, plain
from ....families import FAMILIES, Family, Normalisation
from ....fileio.safe_load import LONGEST

PREFIXES = re.compile(r'(?:module\.|backbone\.|encoder\.)*')
HEAD = re.compile(r'(head\.|masked_embed$)')
_QKV = re.compile(r'(blocks\.\d+\.attn)\.([qkv])\.(weight|bias)')
_WRAPPERS = ('state_dict', 'model', 'model_state_dict', 'visionfm_state_dict')


class LayoutError(WeightsError):
    """A file of a known family that cannot be used; the message goes on from the file's name (``'has no teacher ...'``)."""


@dataclass
class Found:
    """What a family makes of a loaded file.

    Attributes:
        tensors (dict[str, Tensor]): The encoder's, under timm's names of a plain ViT.
        layout (str): In words, e.g. ``"'teacher' of a student/teacher checkpoint"``.
        dropped (list[str]): Keys knowingly left out (projection head, mask token, a decoder).
        notes (list[str]): Other things done on the way.
        normalisation (Normalisation, optional): What the family's pictures were normalised with.
        family (Family, optional): What is known of the family; ``None`` for a layout of another package.
        also (tuple[str, ...]): Names of other families that have the same keys.
        heads (int, optional): Of attention, if the file tells.
    """

    tensors: dict[str, Tensor]
    layout: str
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    normalisation: Normalisation | None = None
    family: Family | None = None
    also: tuple[str, ...] = ()
    heads: int | None = None

    def be(self, name: str, *also: str) -> 'Found':
        """Be of a family, with its normalisation; ``also`` are others whose keys these could be.  Returns self."""
        self.family, self.also = FAMILIES[name], also
        self.normalisation = self.family.normalisation
        return self

    def size(self) -> tuple[int, int, int]:
        """``(width, blocks, patch)``, each 0 if unknown."""
        kernel = self.tensors.get('patch_embed.proj.weight')
        numbers = {name.split('.')[1] for name in self.tensors if name.startswith('blocks.')}
        return (kernel.shape[0], len(numbers), kernel.shape[-1]) if kernel is not None and kernel.ndim == 4 else (0, len(numbers), 0)


def bare_name(name: str) -> str:
    """A name without the prefixes that wrappers put before it."""
    return PREFIXES.sub('', name, count=1)


def unwrapped(loaded: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """The dict of tensors of a file that holds it under ``state_dict`` or ``model``, or is it, and where it was, in words."""
    for name in _WRAPPERS:
        if isinstance(loaded.get(name), dict):
            return loaded[name], f'{name!r} of a training checkpoint'
    return loaded, 'flat (a dict of tensors)'


def account(
    source: Mapping[str, Any], layout: str, drop: tuple[re.Pattern[str], ...] = (HEAD,), rename: Callable[[str], str] = bare_name
) -> Found:
    """Give each tensor its name; every key ends in ``tensors``, in ``dropped``, in a note, or in an error.

    Args:
        source (Mapping): Out of the file.
        layout (str): Where in it that was, in words.
        drop (tuple[re.Pattern]): Of names (after ``rename``) that are knowingly left out, matched at their begin.
        rename (callable): A key of the file to timm's name.

    Raises:
        LayoutError: If a key is no name, two keys mean the same tensor, or there is no tensor.
    """
    found, origin, others = Found({}, layout), dict[str, str](), []
    for key, value in source.items():
        if not isinstance(key, str):
            raise LayoutError(f'has a key that is a {type(key).__name__}, no name, under {layout}; a dict of tensors was expected')
        if len(key) > LONGEST or not key.isprintable():
            raise LayoutError(f"has a key of {len(key):,} characters, '{plain(key)}'; at most {LONGEST:,} printable were expected")
        name = rename(key)
        if not isinstance(value, Tensor):
            others.append(key)
        elif any(pattern.match(name) for pattern in drop):
            found.dropped.append(key)
        elif name in origin:
            raise LayoutError(f'holds a tensor twice: the keys {origin[name]!r} and {key!r} both mean {name!r}; keep one of them')
        else:
            origin[name] = key
            found.tensors[name] = value
    if not found.tensors:
        raise LayoutError(f'holds no encoder tensors under {layout} (keys there: {some([*source]) or "none"})')
    if others:
        found.notes.append(f'{len(others)} entries that are no tensors left out: {some(others)}')
    joined = _join_qkv(found.tensors)
    if joined:
        found.notes.append(f'separate q, k, v joined into {joined} qkv tensors')
    return found


def _join_qkv(tensors: dict[str, Tensor]) -> int:
    """Concatenate separate ``attn.q/k/v`` in place; returns how many tensors were made.  Triples that do not fit stay."""
    parts: dict[str, dict[str, str]] = {}
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


def some(names: list[str], most: int = 4) -> str:
    """The first of some names out of a file, and how many more there are."""
    more = f', ... {len(names) - most} more' if len(names) > most else ''
    return ', '.join(map(plain, names[:most])) + more

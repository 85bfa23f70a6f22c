"""How tensors fit what an encoder expects."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt

from torch import Tensor

from .layouts import some
from .vit import Shapes


@dataclass
class Match:
    """How a set of tensors fits what an encoder expects: names by verdict; of another shape are ``(name, found, expected)``."""

    fits: list[str]
    missing: list[str]
    unexpected: list[str]
    misshaped: list[tuple[str, tuple[int, ...], tuple[int, ...]]]

    @property
    def complete(self) -> bool:
        return not (self.missing or self.unexpected or self.misshaped)

    def __str__(self) -> str:
        parts = []
        if self.missing:
            parts.append(f'{len(self.missing)} missing ({some(self.missing)})')
        if self.unexpected:
            parts.append(f'{len(self.unexpected)} unexpected ({some(self.unexpected)})')
        if self.misshaped:
            wrong = [f'{name} is {shape}, expected {want}' for name, shape, want in self.misshaped]
            parts.append(f'{len(wrong)} of another shape ({some(wrong, 2)})')
        return f'{len(self.fits)}/{len(self.fits) + len(self.missing) + len(self.misshaped)} tensors fit, {"; ".join(parts)}'


def match(tensors: Mapping[str, Tensor], expected: Shapes, any_grid: bool = True) -> Match:
    """Compare tensors with ``{name: shape}``.

    With ``any_grid`` a position table of another square grid fits: the encoder takes over its grid.
    """
    misshaped = []
    for name, tensor in tensors.items():
        if name in expected and tuple(tensor.shape) != expected[name] and not (any_grid and _is_other_grid(name, tensor, expected)):
            misshaped.append((name, tuple(tensor.shape), expected[name]))
    bad = {name for name, _, _ in misshaped}
    return Match(
        fits=[name for name in expected if name in tensors and name not in bad],
        missing=[name for name in expected if name not in tensors],
        unexpected=[name for name in tensors if name not in expected],
        misshaped=misshaped,
    )


def _is_other_grid(name: str, tensor: Tensor, expected: Shapes) -> bool:
    if name != 'pos_embed' or tensor.ndim != 3 or tensor.shape[0] != 1 or tensor.shape[2] != expected[name][2]:
        return False
    patches = tensor.shape[1] - 1
    return patches > 0 and isqrt(patches) ** 2 == patches

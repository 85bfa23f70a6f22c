"""Plain networks of the size of others', described by their layers, to be timed."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class _Plain(nn.Module):
    """A U-Net: two convolutions on each level, down by strides or pooling, up by transposed convolutions, two classes."""

    def __init__(self, channels: int, widths: Sequence[int], norm: type[nn.Module], strided: bool, shortcut: bool = False) -> None:
        super().__init__()
        self.down, self.up, self.join = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level, (before, after) in enumerate(zip([channels, *widths], widths)):
            self.down.append(_Level(before, after, norm, 2 if strided and level else 1, shortcut))
        self.pool = nn.Identity() if strided else nn.MaxPool2d(2)
        for deep, level_width in zip(widths[:0:-1], widths[-2::-1]):
            self.up.append(nn.ConvTranspose2d(deep, level_width, 2, stride=2))
            self.join.append(_Level(2 * level_width, level_width, norm, 1, shortcut))
        self.out = nn.Conv2d(widths[0], 2, 1)
        self.multiple = 1 << len(widths) - 1

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = nn.functional.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))
        levels: list[Tensor] = []
        for level in self.down:
            x = level(self.pool(x) if levels else x)
            levels.append(x)
        levels.pop()
        for up, join in zip(self.up, self.join):
            x = join(torch.cat([up(x), levels.pop()], dim=1))
        return self.out(x)[:, :, :height, :width]


class _Level(nn.Module):
    def __init__(self, before: int, after: int, norm: type[nn.Module], stride: int, shortcut: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(before, after, 3, stride, 1), norm(after), nn.LeakyReLU(0.01)),
            *(nn.Conv2d(after, after, 3, 1, 1), norm(after), nn.LeakyReLU(0.01)),
        )
        self.beside = nn.Conv2d(before, after, 1, stride) if shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) if self.beside is None else self.body(x) + self.beside(x)


class _Twice(nn.Module):
    """Two networks in a row; the second sees the picture and what the first found."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.cat([x, self.first(x)], dim=1))


def nnunet_like() -> nn.Module:
    """As nnU-Net plans for pictures of 512 (arXiv:1809.10486): 8 stages of 32 to 512 channels, instance norm, strides; 46 million."""
    return _Plain(3, (32, 64, 128, 256, 512, 512, 512, 512), nn.InstanceNorm2d, strided=True)


def wnet_like() -> nn.Module:
    """As lwnet (arXiv:2009.01907): two U-Nets of 8, 16 and 32 channels, shortcuts, batch norm; 63 thousand parameters."""
    return _Twice(*(_Plain(channels, (8, 16, 32), nn.BatchNorm2d, strided=False, shortcut=True) for channels in (3, 5)))

"""How a pixel differs from what lies around it: what two cameras, and two ends of a picture, have in common."""

import torch
import torch.nn.functional as F
from torch import Tensor

DARK = 6 / 255  # a pixel with no channel above it shows nothing: the surroundings of a field of view, padding


def local_contrast(picture: Tensor, window: int, smallest: float = 0.05, seen: Tensor | None = None) -> Tensor:
    """How many local standard deviations each pixel lies above the local mean of its channel.

    Args:
        picture (Tensor): ``(N, C, H, W)``.
        window (int): Side of the square around a pixel that is local, in pixels, odd; cut at the frame.
        smallest (float): Added to the standard deviation, so that noise in flat places stays small.
        seen (Tensor, optional): ``(N, 1, H, W)`` bool: the pixels that count, all by default.  The others are 0.

    Returns:
        Tensor: ``(N, C, H, W)`` float32.
    """
    with torch.autocast(picture.device.type, enabled=False):
        picture = picture.float()
        if seen is None:
            difference = picture - _window_means(picture, window)
            deviation = _window_means(difference.square(), window).sqrt()
            return difference / (deviation + smallest)
        weight = seen.to(picture.dtype)
        share = _window_means(weight, window).clamp(min=1e-6)  # of a window that is seen
        difference = (picture - _window_means(picture * weight, window) / share) * weight
        deviation = (_window_means(difference.square(), window) / share).sqrt()
        return difference / (deviation + smallest)


def photograph_contrast(photograph: Tensor, window: int, smallest: float = 0.01) -> Tensor:
    """:func:`local_contrast` of a photograph ``(N, 3, H, W)`` of 0 to 1, of what it shows: dark surroundings do not count, and are 0."""
    return local_contrast(photograph, window, smallest, photograph.amax(dim=1, keepdim=True) > DARK)


def _window_means(picture: Tensor, window: int) -> Tensor:
    """Means over the square windows around the pixels of ``(N, C, H, W)``, cut at the frame."""
    for side in (-2, -1):
        line = picture[0, 0, :, 0] if side == -2 else picture[0, 0, 0]
        counts = _window_sums(torch.ones_like(line), window, -1)
        picture = _window_sums(picture, window, side) / (counts[:, None] if side == -2 else counts)
    return picture


def _window_sums(x: Tensor, window: int, side: int) -> Tensor:
    """Sums over windows along one side, 0 outside the frame: of sums over 1, 2, 4 ... pixels, so a window of 33 takes six additions.

    On a CPU ten times as fast as pooling or a product with a matrix; all cuts are plain numbers, so a trace holds for every size.
    """
    radius = window // 2
    x = F.pad(x, (0, 0, radius, radius) if side == -2 else (radius, radius))
    total, done, size = _cut(x, 0, window - 1, side), 1, 1  # pixels that total and x hold the sums of
    while done < window:
        x, size = _cut(x, 0, size, side) + _cut(x, size, 0, side), 2 * size
        if window & size:
            total, done = total + _cut(x, done, window - done - size, side), done + size
    return total


def _cut(x: Tensor, first: int, last: int, side: int) -> Tensor:
    """Without so many pixels at the ends of a side, -1 or -2."""
    kept = slice(first, -last if last else None)
    return x[..., kept] if side == -1 else x[..., kept, :]

"""How a pixel differs from what lies around it: what two cameras, and two ends of a picture, have in common."""

import torch
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
        rows, columns = (_window_means(side, window, picture) for side in picture.shape[2:])
        if seen is None:
            difference = picture - rows @ picture @ columns.T
            deviation = (rows @ difference.square() @ columns.T).sqrt()
            return difference / (deviation + smallest)
        weight = seen.to(picture.dtype)
        share = (rows @ weight @ columns.T).clamp(min=1e-6)  # of a window that is seen
        difference = (picture - rows @ (picture * weight) @ columns.T / share) * weight
        deviation = (rows @ difference.square() @ columns.T / share).sqrt()
        return difference / (deviation + smallest)


def photograph_contrast(photograph: Tensor, window: int, smallest: float = 0.01) -> Tensor:
    """:func:`local_contrast` of a photograph ``(N, 3, H, W)`` of 0 to 1, of what it shows: dark surroundings do not count, and are 0."""
    return local_contrast(photograph, window, smallest, photograph.amax(dim=1, keepdim=True) > DARK)


def _window_means(length: int, window: int, like: Tensor) -> Tensor:
    """A matrix ``(length, length)`` that takes a line of pixels to the means over windows: on a CPU faster than pooling."""
    pixels = torch.arange(length, device=like.device)
    near = ((pixels[:, None] - pixels).abs() <= window // 2).to(like.dtype)
    return near / near.sum(1, keepdim=True)

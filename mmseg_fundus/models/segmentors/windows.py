"""Overlapping windows over pictures of any size, blended smoothly; plain functions of tensors."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...progress import parts


def window_starts(length: int, window: int, stride: int) -> list[int]:
    """First pixels of windows that cover ``length`` pixels, evenly spread, at most ``stride`` apart; the last ends where the picture does.

    Example:
        >>> window_starts(565, 224, 128)
        [0, 114, 227, 341]
    """
    if length <= window:
        return [0]
    count = math.ceil((length - window) / stride) + 1
    return [round(i * (length - window) / (count - 1)) for i in range(count)]


def blend_weight(height: int, width: int) -> Tensor:
    """Weight of each pixel of a window ``(height, width)``, float32: a raised cosine, 1 in the middle, above 0 at the rim."""
    rows, columns = (torch.sin(math.pi * (torch.arange(n) + 0.5) / n) ** 2 + 1e-3 for n in (height, width))
    return torch.outer(rows, columns)


def blend_windows(
    predict: Callable[[Tensor, list[tuple[int, int, int]]], Tensor],
    inputs: Tensor,
    window: tuple[int, int],
    stride: tuple[int, int],
    batch_size: int,
    fov: Tensor | None,
    fill: Tensor,
) -> Tensor:
    """Predict overlapping windows, several at a time, and blend their logits.

    Args:
        predict (callable): Windows ``(B, channels, h, w)``, and for each its picture's number, its top and its left, to logits
            ``(B, C, h, w)``.
        inputs (Tensor): ``(N, channels, H, W)``; a side shorter than the window is taken whole.
        window (tuple[int]): Height and width.
        stride (tuple[int]): Largest distance between windows, rows and columns.
        batch_size (int): Windows in a batch, of one picture or several.
        fov (Tensor, optional): ``(N, 1, H, W)`` bool; windows that see nothing of it are not computed.
        fill (Tensor): ``(C,)`` logits of pixels that no window covers, or ``(1,)``, the same for all.

    Returns:
        Tensor: ``(N, C, H, W)`` float32.
    """
    number, _, height, width = inputs.shape
    h, w = min(window[0], height), min(window[1], width)
    places = [
        (n, y, x)
        for n in range(number)
        for y in window_starts(height, h, stride[0])
        for x in window_starts(width, w, stride[1])
        if fov is None or fov[n, 0, y : y + h, x : x + w].any()
    ]
    weight = blend_weight(h, w).to(inputs.device)
    total = inputs.new_zeros((number, len(fill), height, width), dtype=torch.float32)  # of more channels, as soon as these are known
    weights = inputs.new_zeros((number, 1, height, width), dtype=torch.float32)
    firsts = range(0, len(places), batch_size)
    for first in parts(firsts, len(firsts)):
        batch = places[first : first + batch_size]
        logits = predict(torch.stack([inputs[n, :, y : y + h, x : x + w] for n, y, x in batch]), batch).float()
        if total.shape[1] != logits.shape[1]:
            total = total.new_zeros((number, logits.shape[1], height, width))
        for (n, y, x), tile in zip(batch, logits):
            total[n, :, y : y + h, x : x + w] += weight * tile
            weights[n, :, y : y + h, x : x + w] += weight
    return torch.where(weights > 0, total / weights.clamp(min=1e-12), fill.to(total).view(1, -1, 1, 1))

"""Positions of patches on a grid of any size: a learned table resized, rotary angles computed; both also while a graph is traced."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

Grid = tuple[int, int]


def resize_table(table: Tensor, old: Grid, new: Grid, prefix: int, antialias: bool) -> Tensor:
    """A table of positions for another grid: bicubic, to the exact height and width, in float32; the rows before it stay.

    Args:
        table (Tensor): ``(1, prefix + height * width, C)``.
        old, new (tuple[int, int]): Height and width of its grid, and of the wanted one, in patches.
        prefix (int): Rows of the class token and registers.
        antialias (bool): As Pillow resizes (timm, DINOv2 with registers), or as OpenCV does (Meta's DINOv2, MAE, transformers' ViT).

    Returns:
        Tensor: ``(1, prefix + new height * new width, C)``; ``table`` itself if its grid is the wanted one.
    """
    tracing = torch.jit.is_tracing()
    if not tracing and tuple(old) == tuple(new):
        return table
    rows = table[:, prefix:].float().unflatten(1, old).permute(0, 3, 1, 2)
    if tracing and antialias:  # ONNX has no antialiased bicubic below opset 18, nor torch its translation
        rows = _along(old[0], new[0], rows) @ rows @ _along(old[1], new[1], rows).transpose(0, 1)
    else:
        rows = F.interpolate(rows, size=new, mode='bicubic', align_corners=False, antialias=antialias)
    return torch.cat((table[:, :prefix], rows.flatten(2).transpose(1, 2).to(table.dtype)), dim=1)


def _along(old: int, new: int, like: Tensor) -> Tensor:
    """Weights ``(new, old)`` of antialiased bicubic resizing of one side (the cubic of Keys with a = -0.5, as Pillow's)."""
    scale = old / torch.as_tensor(new, device=like.device).to(like.dtype)
    reach = scale.clamp(min=1)  # a smaller grid averages over more of the old one
    centre = (torch.arange(new, device=like.device).to(like.dtype) + 0.5) * scale
    x = ((torch.arange(old, device=like.device).to(like.dtype) + 0.5 - centre[:, None]) / reach).abs()
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
    return weights / weights.sum(1, keepdim=True)


def rotary_angles(periods: Tensor, grid: Grid) -> Tensor:
    """DINOv3's rotary positions: sine and cosine of each patch, for the halves of a head's channels.

    A patch's place is its centre, from -1 to 1 along each side, whatever the size.  timm computes the same, but with sizes that a traced
    graph keeps as they were.

    Args:
        periods (Tensor): ``(channels of a head / 4,)``.
        grid (tuple[int, int]): Height and width in patches.

    Returns:
        Tensor: ``(height * width, 2 * channels of a head)``: sines, then cosines.
    """
    sides = [2 * ((torch.arange(side, device=periods.device).to(periods.dtype) + 0.5) / side) - 1 for side in grid]
    places = torch.stack(torch.meshgrid(*sides, indexing='ij'), dim=-1).flatten(0, 1)
    angles = (2 * math.pi * places[:, :, None] / periods).flatten(1).repeat(1, 2)
    return torch.cat((angles.sin(), angles.cos()), dim=-1)

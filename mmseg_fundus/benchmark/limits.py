"""What no way of doing it can be faster than: the part of the work that is left when all else is free."""

from collections.abc import Callable

import torch
from torch.nn import functional as F

from . import systems


def decoder_step(precision: str, size: int, number: int, device: str) -> Callable[[], None]:
    """Of a training step on kept maps: loss, gradients and update of neck and head on maps that lie in memory."""
    model = systems.ours('float32', precision).to(device).train()
    wrapper = systems.optimizer(model)
    levels, height, width, channels = model.encoder.map_shape(size, size)
    maps = [torch.randn(number, height, width, channels, device=device).permute(0, 3, 1, 2) for _ in range(levels)]
    inputs = torch.zeros(number, 3, size, size, device=device)
    label = (torch.rand(number, size, size, device=device) < 0.1).long()

    def step() -> None:
        logits = model.decode(model.fuse(maps), inputs)
        wrapper.update_params(model.decode_head.loss_decode(logits, label))

    return step


def matrix_products(precision: str, size: int, windows: int, batch: int, device: str) -> Callable[[], None]:
    """Of a ViT-B/16's forward passes: its matrix products alone, on random numbers; no norm, softmax, activation, neck or head.

    Args:
        precision (str): Of the products.
        size (int): Height and width of a window in pixels.
        windows (int): How many are seen.
        batch (int): How many at a time.
        device (str): Where.
    """
    options = dict(device=device, dtype=getattr(torch, precision))
    patches, width, blocks, heads = (size // 16) ** 2, 768, 12, 12
    tokens = patches + 1
    layers = [(3 * width, width), (width, width), (4 * width, width), (width, 4 * width)]
    weights = [torch.randn(*shape, **options) for shape in [(width, 3 * 16 * 16), *blocks * layers]]
    inputs = {columns: torch.randn(batch * tokens, columns, **options) for columns in (width, 4 * width)}
    values = torch.randn(batch, heads, tokens, width // heads, **options)
    attention = torch.randn(batch, heads, tokens, tokens, **options)

    @torch.no_grad()
    def products() -> None:
        for _ in range(-(-windows // batch)):
            for weight in weights:
                F.linear(inputs[weight.shape[1]], weight)
            for _ in range(blocks):
                torch.matmul(values, values.transpose(-2, -1))
                torch.matmul(attention, values)

    return products

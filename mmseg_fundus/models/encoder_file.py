"""Writing an encoder that was pretrained here as a weights file."""

from pathlib import Path

import torch
from torch import nn

from ..files import write_whole
from .weights import expected_shapes, to_mmpretrain


def write_encoder(path, encoder: nn.Module, about: str) -> Path:
    """Save a ViT's tensors under VisionFM's names, so that ``model.backbone.weights`` takes the file.

    Args:
        path (str | Path): The file; written whole or not at all.
        encoder (nn.Module): An mmpretrain ``VisionTransformer`` or a subclass such as ``MAEViT``.
        about (str): Where it comes from; told wherever the file is read, and in tables up to the first colon.

    Returns:
        Path: ``path``.

    Raises:
        WriteError: If the file cannot be written.
    """
    path = Path(path)
    patch = encoder.patch_embed.projection.kernel_size[0]
    settings = encoder.arch_settings
    names = expected_shapes(encoder.embed_dims, settings['num_layers'], settings['feedforward_channels'], patch, encoder.pos_embed.shape[1])
    state = encoder.state_dict()
    tensors = {name: state[to_mmpretrain(name)].detach().cpu().clone() for name in names}
    write_whole(path, lambda temporary: torch.save({'state_dict': tensors, 'about': about}, temporary))
    return path

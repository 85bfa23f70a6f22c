"""Writing an encoder that was pretrained here as a weights file."""

from pathlib import Path

import torch
from mmpretrain.models import VisionTransformer
from torch import nn

from ...errors import ConfigError
from ...fileio.whole_files import write_whole
from .adapt import is_adapted
from .vit import expected_shapes, to_mmpretrain


def encoder_tensors(encoder: nn.Module) -> dict[str, torch.Tensor]:
    """A ViT's tensors under VisionFM's names.

    Raises:
        ConfigError: If it is no plain ViT: another network, or with an adapter such as LoRA around or in it.
    """
    if not isinstance(encoder, VisionTransformer):
        raise ConfigError(f'{type(encoder).__name__} cannot be written as a weights file: it is no plain ViT of mmpretrain')
    if is_adapted(encoder):
        raise ConfigError(f'{type(encoder).__name__} cannot be written as a weights file: it has an adapter (adapt=...) in it')
    state = encoder.state_dict()
    patch = encoder.patch_embed.projection.kernel_size[0]
    settings = encoder.arch_settings
    names = expected_shapes(encoder.embed_dims, settings['num_layers'], settings['feedforward_channels'], patch, encoder.pos_embed.shape[1])
    missing = [name for name in names if to_mmpretrain(name) not in state]
    if missing:
        raise ConfigError(
            f'{type(encoder).__name__} cannot be written as a weights file: {len(missing)} tensors of a plain ViT are missing or renamed '
            f'({missing[0]}, ...), as by an adapter'
        )
    return {name: state[to_mmpretrain(name)].detach().cpu().clone() for name in names}


def write_encoder(path: str | Path, encoder: nn.Module, about: str) -> Path:
    """Save a ViT's tensors under VisionFM's names, so that ``model.backbone.weights`` takes the file.

    Args:
        path (str | Path): The file; written whole or not at all.
        encoder (nn.Module): An mmpretrain ``VisionTransformer`` or a subclass such as ``MAEViT``.
        about (str): Where it comes from; told wherever the file is read, and in tables up to the first colon.

    Returns:
        Path: ``path``.

    Raises:
        ConfigError: See :func:`encoder_tensors`.
        WriteError: If the file cannot be written.
    """
    path, tensors = Path(path), encoder_tensors(encoder)
    write_whole(path, lambda temporary: torch.save({'state_dict': tensors, 'about': about}, temporary))
    return path

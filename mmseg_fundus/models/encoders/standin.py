"""A stand-in for VisionFM's weights file: its exact layout, random contents."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...fileio.whole_files import write_whole
from .vit import expected_shapes

LABEL = 'stand-in with random weights, NOT VisionFM: for trying and testing only'
_HEAD = {  # iBOT's projection head, narrow here: it is dropped at loading
    **{f'mlp.{i}.{kind}': ((64, 64) if kind == 'weight' else (64,)) for i in (0, 2, 4) for kind in ('weight', 'bias')},
    **{f'{layer}.weight_{part}': ((128, 1) if part == 'g' else (128, 64)) for layer in ('last_layer', 'last_layer2') for part in 'gv'},
}


def _initial(name: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    if name.endswith('bias'):
        return torch.zeros(shape)
    if 'norm' in name or name.endswith('weight_g'):
        return torch.ones(shape)
    return nn.init.trunc_normal_(torch.empty(shape), std=0.02, generator=generator)


def standin_checkpoint(
    seed: int = 0, embed_dims: int = 768, num_layers: int = 12, feedforward_channels: int = 3072, patch_size: int = 16, grid: int = 14
) -> dict[str, Any]:
    """Random weights in the layout of ``VFM_Fundus_weights.pth``.

    ``teacher`` holds ``backbone.*`` (150 tensors for ViT-B) and 10 of ``head.*``; ``student`` the same behind ``module.`` and a mask
    token; beside them ``optimizer``, ``epoch``, ``args``, ``ibot_loss`` and ``fp16_scaler``.  Initialised as VisionFM initialises
    before training.  Student and teacher share their tensors, so that the file is half as long.

    Args:
        seed (int): Same seed, same weights.
        embed_dims, num_layers, feedforward_channels, patch_size (int): Of the ViT; ViT-B/16 by default.
        grid (int): Side of the position table, in patches.

    Returns:
        dict: What ``torch.save`` should write.
    """
    generator = torch.Generator().manual_seed(seed)
    shapes = expected_shapes(embed_dims, num_layers, feedforward_channels, patch_size, grid * grid + 1)
    teacher = {f'backbone.{name}': _initial(name, shape, generator) for name, shape in shapes.items()}
    teacher.update({f'head.{name}': _initial(name, shape, generator) for name, shape in _HEAD.items()})
    student = {f'module.{name}': tensor for name, tensor in teacher.items()}
    student['module.backbone.masked_embed'] = torch.zeros(1, embed_dims)
    return {
        'student': student,
        'teacher': teacher,
        'optimizer': {'state': {}, 'param_groups': [{'lr': np.float64(2e-6), 'weight_decay': np.float64(0.4), 'params': []}]},
        'epoch': 0,
        'args': argparse.Namespace(arch='vit_base', patch_size=patch_size, standin=LABEL),
        'ibot_loss': {'center': torch.zeros(1, 128), 'center2': torch.zeros(1, 1, 128)},
        'fp16_scaler': {'scale': 65536.0, 'growth_factor': 2.0, 'backoff_factor': 0.5, 'growth_interval': 2000, '_growth_tracker': 0},
    }


def write_standin(path: str | Path, seed: int = 0, **arch: int) -> Path:
    """Save :func:`standin_checkpoint` to ``path`` (under a temporary name first); its folder is made if needed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda temporary: torch.save(standin_checkpoint(seed, **arch), temporary))
    return path

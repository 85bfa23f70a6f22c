"""Masked autoencoders: with their decoder as MAE's training code saves them, or fine-tuned; RETFound and UrFound among them."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .account import HEAD, Found, account, bare_name, unwrapped

_DECODER = re.compile(r'(mask_token$|decoder_(pos_embed$|embed\.|blocks\.|norm\.|pred\.))')
_TEXT = re.compile(r'(bert_encoder\.|bert_mlp\.)')
_LARGE, _BASE = (1024, 24, 16), (768, 12, 16)


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """The encoder beside ``decoder_blocks``, or with ``fc_norm`` in place of ``norm`` under ``model``."""
    source, layout = unwrapped(loaded)
    names = {bare_name(key) for key in source if isinstance(key, str)}
    decoder = any(name.startswith('decoder_blocks.') for name in names)
    tuned = 'fc_norm.weight' in names and 'norm.weight' not in names and 'model' in loaded and 'blocks.0.ls1.gamma' not in names
    if not decoder and not tuned:
        return None
    texts = any(map(_TEXT.match, names)) and decoder
    found = account(source, layout, drop=(HEAD, _DECODER, _TEXT) if texts else (HEAD, _DECODER))
    norm_of_pooling(found)
    if decoder:
        found.notes.insert(0, 'masked autoencoder: its decoder is left out')
    return found.be('urfound', 'mae') if texts else as_autoencoder(found)


def as_autoencoder(found: Found) -> Found:
    """Name the family of a masked autoencoder by its size; all of one size have the same keys and ImageNet's mean and std."""
    size = found.size()
    if size == _LARGE:
        found.notes.append("RETFound (MAE) and Meta's MAE have these keys; mean, std and size are the same")
        return found.be('retfound_mae', 'mae')
    if size == _BASE:
        found.notes.append("Meta's MAE and UrFound without its text part have these keys; mean, std and size are the same")
        return found.be('mae', 'urfound')
    return found.be('mae')


def norm_of_pooling(found: Found) -> None:
    """``fc_norm``, which a fine-tuned file has in place of ``norm``, becomes ``norm``: it is the last LayerNorm there."""
    if 'norm.weight' not in found.tensors and 'norm.bias' not in found.tensors and 'fc_norm.weight' in found.tensors:
        for part in ('weight', 'bias'):
            if f'fc_norm.{part}' in found.tensors:
                found.tensors[f'norm.{part}'] = found.tensors.pop(f'fc_norm.{part}')
        found.notes.append('fc_norm (of a fine-tuned model) taken as the last norm; only norm_outputs=True uses it')


def is_sine(table: Tensor | None) -> bool:
    """Whether a position table ``(1, 1 + side^2, C)`` is the fixed one of MAE: sines and cosines of column, then row; zeros first."""
    if table is None or table.ndim != 3 or table.shape[0] != 1 or table.shape[2] % 4 or not table.is_floating_point():
        return False
    side = int((table.shape[1] - 1) ** 0.5)
    if side < 2 or side * side + 1 != table.shape[1] or table.layout != torch.strided:
        return False
    quarter = table.shape[2] // 4
    turns = torch.arange(side, dtype=torch.float64)[:, None] / 10000 ** (torch.arange(quarter, dtype=torch.float64) / quarter)
    wave = torch.cat((turns.sin(), turns.cos()), 1)
    rows = torch.cat((wave.repeat(side, 1), wave.repeat_interleave(side, 0)), 1)
    return bool(torch.allclose(table[0].double(), torch.cat((torch.zeros_like(rows[:1]), rows)), atol=1e-3))

"""RetiZero: RETFound's ViT-L/16 with LoRA on q and v, beside a tower for texts."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from .account import HEAD, Found, account, unwrapped
from .mae import norm_of_pooling

_TOWER = re.compile(r'(?:module\.)?(?:vision_model\.model\.)?(?:lora_vit\.)?')
_OTHER = re.compile(r'(?:module\.)?(?:text_model\.|logit_scale|vision_model\.(?!model\.))')
_SIGN = '.attn.qkv.linear_a_q.weight'
_LEFT = re.compile(r'#')


def _name(key: str) -> str:
    return '#' + key if _OTHER.match(key) else _TOWER.sub('', key, count=1)


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """The visual tower with its LoRA merged: ``W_q + B_q A_q``, ``W_v + B_v A_v``.  Its layers are built with a rank alone, no scale."""
    source, layout = unwrapped(loaded)
    if not any(isinstance(key, str) and key.endswith(_SIGN) for key in source):
        return None
    found = account(source, layout, drop=(HEAD, _LEFT), rename=_name)
    norm_of_pooling(found)
    merged = sum(_merge(found.tensors, name.removesuffix(_SIGN)) for name in [name for name in found.tensors if name.endswith(_SIGN)])
    found.notes.append(f'LoRA of q and v merged into {merged} qkv tensors with scale 1: its layers are built with a rank alone')
    return found.be('retizero', 'retfound_mae')


def _merge(tensors: dict[str, torch.Tensor], block: str) -> int:
    """Merge one block in place; returns how many tensors were made.  Parts that do not fit stay, and are found out as unexpected."""
    stem = f'{block}.attn.qkv.'
    parts = {name: tensors.get(f'{stem}{name}.weight') for name in ('qkv', 'linear_a_q', 'linear_b_q', 'linear_a_v', 'linear_b_v')}
    if any(part is None or part.ndim != 2 or not part.is_floating_point() for part in parts.values()):
        return 0
    weight, a_q, b_q, a_v, b_v = (part.float() for part in parts.values() if part is not None)
    width = weight.shape[1]
    fits = len(weight) == 3 * width and all(a.shape == (b.shape[1], width) and len(b) == width for a, b in ((a_q, b_q), (a_v, b_v)))
    if not fits:
        return 0
    q, k, v = weight.chunk(3)
    for name in parts:
        del tensors[f'{stem}{name}.weight']
    tensors[f'{stem}weight'] = torch.cat((q + b_q @ a_q, k, v + b_v @ a_v))
    if f'{stem}qkv.bias' in tensors:
        tensors[f'{stem}bias'] = tensors.pop(f'{stem}qkv.bias')
    return 1

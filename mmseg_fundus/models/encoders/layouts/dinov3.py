"""DINOv3 in Meta's spelling and timm's: no position table, registers, layer scale."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from .account import Found, account, bare_name
from .dinov2 import pick

_DROP = re.compile(r'(head\.|dino_head\.|ibot_head\.|mask_token$|local_cls_norm\.|projectors\.|rope_embed\.periods$|.*\.bias_mask$)')
_NAMES = {'storage_tokens': 'reg_token', '.ls1.gamma': '.gamma_1', '.ls2.gamma': '.gamma_2'}
_GATED = {'.mlp.w1.': '.mlp.fc1_g.', '.mlp.w2.': '.mlp.fc1_x.', '.mlp.w3.': '.mlp.fc2.'}


def name_of(key: str) -> str:
    name = bare_name(key)
    name = name.removeprefix('teacher.').removeprefix('student.').removeprefix('backbone.')
    for old, new in {**_NAMES, **_GATED}.items():
        name = name.replace(old, new)
    return name


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """A ViT with registers and layer scale, whose positions are rotations."""
    source, layout, left = pick(loaded, branch)
    names = {name_of(key): value for key, value in source.items() if isinstance(key, str)}
    meta = any(isinstance(key, str) and key.endswith('storage_tokens') for key in source)
    scaled = any(name.endswith('.gamma_1') for name in names)
    if 'pos_embed' in names or not (meta or ('reg_token' in names and scaled)):
        return None
    found = account(source, layout, drop=(_DROP,), rename=name_of)
    found.dropped += left
    periods = next((value for name, value in names.items() if name == 'rope_embed.periods'), None)
    width = found.size()[0]
    if isinstance(periods, torch.Tensor) and periods.ndim == 1 and len(periods) and width % (4 * len(periods)) == 0:
        found.heads = width // (4 * len(periods)) or None
    split_bias(found, masked=any(name.endswith('.bias_mask') for name in names))
    return found.be('dinov3')


def split_bias(found: Found, masked: bool) -> None:
    """``qkv.bias`` as timm holds it: of q and of v; that of k is ``masked`` to zero in Meta's code, another one stays and is found out."""
    tensors, kept = found.tensors, 0
    for name in [name for name in tensors if name.endswith('.attn.qkv.bias')]:
        bias = tensors[name]
        if bias.ndim != 1 or len(bias) % 3:
            continue
        q, k, v = bias.chunk(3)
        if not masked and k.any():
            continue
        del tensors[name]
        stem = name.removesuffix('qkv.bias')
        tensors[stem + 'q_bias'], tensors[stem + 'v_bias'] = q.clone(), v.clone()
        kept += 1
    if kept:
        found.notes.append(f'{kept} biases of qkv split; the part of k counts as zero, as bias_mask has it')

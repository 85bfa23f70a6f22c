"""ViTModel, ViTMAE, Dinov2Model and DINOv3ViTModel of Hugging Face's transformers, in the spelling of version 5 and the older one."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from .account import Found, account, unwrapped
from .dinov2 import merge_registers, of_size
from .mae import as_autoencoder, is_sine

_SIGN = 'embeddings.patch_embeddings.'
_PREFIX = re.compile(r'(?:(?:module|vit|deit|dinov2|dinov2_with_registers|dinov3_vit|model|backbone|encoder)\.)*')
_DROP = re.compile(r'(pooler\.|classifier\.|decoder\.|mask_token$)')
_RULES = [
    (re.compile(pattern), name)
    for pattern, name in (
        (r'^embeddings\.patch_embeddings\.(?:projection\.)?', 'patch_embed.proj.'),
        (r'^embeddings\.position_embeddings$', 'pos_embed'),
        (r'^embeddings\.', ''),
        (r'^layers?\.', 'blocks.'),
        (r'^(blocks\.\d+)\.output\.dense\.', r'\1.mlp.fc2.'),
        (r'\.intermediate\.dense\.', '.mlp.fc1.'),
        (r'\.layernorm_before\.', '.norm1.'),
        (r'\.layernorm_after\.', '.norm2.'),
        (r'\.attention\.(?:output\.dense|o_proj)\.', '.attn.proj.'),
        (r'\.attention\.(?:attention\.)?(?:query|q_proj)\.', '.attn.q.'),
        (r'\.attention\.(?:attention\.)?(?:key|k_proj)\.', '.attn.k.'),
        (r'\.attention\.(?:attention\.)?(?:value|v_proj)\.', '.attn.v.'),
        (r'\.layer_scale([12])\.lambda1$', r'.ls\1.gamma'),
        (r'\.mlp\.weights_in\.', '.mlp.fc1.'),
        (r'\.mlp\.(?:weights_out|down_proj)\.', '.mlp.fc2.'),
        (r'^layernorm\.', 'norm.'),
    )
]
_ROTARY = (('.ls1.gamma', '.gamma_1'), ('.ls2.gamma', '.gamma_2'), ('.mlp.gate_proj.', '.mlp.fc1_g.'), ('.mlp.up_proj.', '.mlp.fc1_x.'))


def _name(key: str) -> str:
    name = _PREFIX.sub('', key, count=1)
    for pattern, new in _RULES:
        name = pattern.sub(new, name)
    return name


def _rotary_name(key: str) -> str:
    name = _name(key)
    for old, new in _ROTARY:
        name = name.replace(old, new)
    name = name.replace('.attn.q.bias', '.attn.q_bias').replace('.attn.v.bias', '.attn.v_bias')
    return 'reg_token' if name == 'register_tokens' else name


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """The encoder beside a pooler, a classifier or a decoder."""
    source, layout = unwrapped(loaded)
    names = [key for key in source if isinstance(key, str)]
    if not any(_SIGN in key for key in names):
        return None
    layout = f"transformers' spelling, {layout}"
    if any(key.endswith('embeddings.register_tokens') for key in names) and not any(key.endswith('position_embeddings') for key in names):
        gated = any('.mlp.gate_proj.' in key for key in names)
        rename = _rotary_name if gated else lambda key: _rotary_name(key).replace('.mlp.fc1_x.', '.mlp.fc1.')
        return account(source, layout, drop=(_DROP,), rename=rename).be('dinov3')
    found = account(source, layout, drop=(_DROP,), rename=_name)
    if any(name.endswith('.ls1.gamma') for name in found.tensors):
        _join_gate(found)
        return of_size(merge_registers(found), in_branch=False)
    if any('decoder_pos_embed' in key for key in found.dropped) or is_sine(found.tensors.get('pos_embed')):
        return as_autoencoder(found)
    large, base = found.size() == (1024, 24, 16), found.size() == (768, 12, 16)
    sized = ('retfound_mae',) if large else ('urfound',) if base else ()
    return found.be('transformers', 'visionfm', 'ibot', 'dino', 'mae', *sized)


def _join_gate(found: Found) -> None:
    """Separate ``gate_proj`` and ``up_proj`` as the one ``fc1`` that timm has."""
    tensors, joined = found.tensors, 0
    for name in [name for name in tensors if '.mlp.gate_proj.' in name]:
        other, new = name.replace('gate_proj', 'up_proj'), name.replace('gate_proj', 'fc1')
        gate, up = tensors[name], tensors.get(other)
        if up is not None and up.shape == gate.shape and gate.ndim and new not in tensors:
            tensors[new] = torch.cat((tensors.pop(name), tensors.pop(other)))
            joined += 1
    if joined:
        found.notes.append(f'gate and up joined into {joined} fc1 tensors')

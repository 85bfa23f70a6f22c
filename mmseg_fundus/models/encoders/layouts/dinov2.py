"""DINOv2 in Meta's spelling and timm's, and those trained with it on photographs of the eye: RETFound (DINOv2), -Green, DINORET."""

import re
from collections.abc import Mapping
from typing import Any

from .account import PREFIXES, Found, LayoutError, account, unwrapped
from .mae import norm_of_pooling
from .visionfm import BRANCHES, branch_of

_DROP = re.compile(r'(head\.|dino_head\.|ibot_head\.|mask_token$|dino_loss\.|ibot_patch_loss\.|classifier\.)')
_CHUNKED = re.compile(r'blocks\.\d+\.(\d+\.)')
_BRANCH = re.compile(r'(?:module\.)?(teacher|student)\.')
_DEPTHS = {384: 12, 768: 12, 1024: 24, 1536: 40}  # blocks of Meta's, by width


def _name(key: str) -> str:
    """Without prefixes, and ``blocks.<chunk>.<index>.`` as ``blocks.<index>.``: the index counts through all chunks."""
    name = PREFIXES.sub('', key, count=1)
    name = PREFIXES.sub('', _BRANCH.sub('', name, count=1), count=1)
    name = _CHUNKED.sub(r'blocks.\1', name, count=1)
    return name.replace('.mlp.w12.', '.mlp.fc1.').replace('.mlp.w3.', '.mlp.fc2.')


def pick(loaded: Mapping[str, Any], branch: str) -> tuple[Mapping[str, Any], str, list[str]]:
    """Tensors, where they were in words, and the keys of the other branch."""
    source = branch_of(loaded, branch)
    if source is not None:
        return source, f'{branch!r} of a student/teacher checkpoint', []
    source, layout = unwrapped(loaded)
    there = {found[1] for key in source if isinstance(key, str) and (found := _BRANCH.match(key))}
    if not there:
        return source, layout, []
    if branch not in there:
        raise LayoutError(f'has no {branch!r} weights, it holds {", ".join(sorted(there))}; set checkpoint_key={min(there)!r}')
    others = tuple(f'{prefix}{name}.' for name in BRANCHES if name != branch for prefix in ('', 'module.'))
    left = [key for key in source if isinstance(key, str) and key.startswith(others)]
    return {key: value for key, value in source.items() if key not in set(left)}, f'{branch!r} in {layout}', left


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """A ViT of patch 14 with layer scale."""
    source, layout, left = pick(loaded, branch)
    names = {_name(key): value for key, value in source.items() if isinstance(key, str)}
    kernel = names.get('patch_embed.proj.weight')
    if 'storage_tokens' in names or not any(name.endswith('.ls1.gamma') for name in names) or getattr(kernel, 'shape', (0,))[-1:] != (14,):
        return None
    found = account(source, layout, drop=(_DROP,), rename=_name)
    found.dropped += left
    return of_size(merge_registers(found), in_branch='of a student/teacher' in layout)


def of_size(found: Found, in_branch: bool) -> Found:
    """Name the family of a DINOv2 by size and place; all but RETFound-Green have ImageNet's mean and std."""
    norm_of_pooling(found)
    width, depth, _ = found.size()
    table = found.tensors.get('pos_embed')
    if width == 384 and table is not None and table.ndim == 3 and table.shape[1] == 784 and 'reg_token' in found.tensors:
        return found.be('retfound_green', 'dinov2')
    if depth != _DEPTHS.get(width, depth):
        found.notes.append(f'{depth} blocks of {width} channels are no DINOv2 that Meta published; DINORET has such')
        return found.be('dinoret', 'dinov2')
    large = ('retfound_dinov2',) if width == 1024 else ()
    if large and in_branch:
        found.notes.append('RETFound (DINOv2) and any ViT-L trained with DINOv2 have these keys; mean and std are the same')
        return found.be('retfound_dinov2', 'dinov2')
    return found.be('dinov2', 'dinoret', *large)


def merge_registers(found: Found) -> Found:
    """Meta's registers as timm holds them: the class token's row of the position table is added to the token."""
    tensors = found.tensors
    if 'register_tokens' not in tensors:
        return found
    token, table = tensors.get('cls_token'), tensors.get('pos_embed')
    if token is None or table is None or table.ndim != 3 or token.shape != table[:, :1].shape or table.shape[1] < 2:
        return found
    tensors['reg_token'] = tensors.pop('register_tokens')
    tensors['cls_token'], tensors['pos_embed'] = token + table[:, :1], table[:, 1:].contiguous()
    found.notes.append("the class token's position is added to the token, as timm holds models with registers")
    return found

"""Visual towers of CLIP, in OpenAI's spelling (EyeCLIP's too) and transformers'."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .account import Found, LayoutError, account, unwrapped

_OPENAI = re.compile(r'(?:module\.)?(?:clip_model\.|model\.)?visual\.')
_HUGGING = re.compile(r'(?:module\.)?(?:vision_model\.)?')
_SWAPS = (
    ('conv1.', 'patch_embed.proj.'),
    ('embeddings.patch_embedding.', 'patch_embed.proj.'),
    ('embeddings.class_embedding', 'cls_token'),
    ('class_embedding', 'cls_token'),
    ('embeddings.position_embedding.weight', 'pos_embed'),
    ('positional_embedding', 'pos_embed'),
    ('transformer.resblocks.', 'blocks.'),
    ('encoder.layers.', 'blocks.'),
    ('ln_pre.', 'norm_pre.'),
    ('pre_layrnorm.', 'norm_pre.'),
    ('ln_post.', 'norm.'),
    ('post_layernorm.', 'norm.'),
    ('.ln_1.', '.norm1.'),
    ('.ln_2.', '.norm2.'),
    ('.layer_norm1.', '.norm1.'),
    ('.layer_norm2.', '.norm2.'),
    ('.attn.in_proj_', '.attn.qkv.'),
    ('.attn.out_proj.', '.attn.proj.'),
    ('.self_attn.out_proj.', '.attn.proj.'),
    ('.mlp.c_fc.', '.mlp.fc1.'),
    ('.mlp.c_proj.', '.mlp.fc2.'),
)
_LEFT = re.compile(r'(#|proj$|embeddings\.position_ids$)')


def _name(key: str, tower: re.Pattern[str]) -> str:
    """timm's name; ``#`` before the key of what is not in the tower."""
    found = tower.match(key)
    if found is None or key.startswith(('text_model.', 'visual_projection.', 'text_projection.', 'logit_scale')):
        return '#' + key
    name = key[found.end() :]
    for old, new in _SWAPS:
        name = name.replace(old, new)
    return re.sub(r'\.self_attn\.([qkv])_proj\.', r'.attn.\1.', name)


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """The visual tower; the tower for texts and the projections are left out.

    Raises:
        LayoutError: If its patches have 32 pixels.
    """
    source, layout = unwrapped(loaded)
    names = {key: value for key, value in source.items() if isinstance(key, str)}
    openai = any(_OPENAI.match(key) and key.endswith('visual.conv1.weight') for key in names)
    kernel = next((v for k, v in names.items() if k.endswith(('visual.conv1.weight', 'embeddings.patch_embedding.weight'))), None)
    classy = any(key.endswith(('visual.class_embedding', 'embeddings.class_embedding')) for key in names)
    if not isinstance(kernel, Tensor) or kernel.ndim != 4 or not classy:
        return None
    eye = 'model_state_dict' in loaded
    if kernel.shape[-1] == 32:
        who = 'EyeCLIP' if eye else 'CLIP'
        raise LayoutError(
            f"is {who}'s visual tower with patches of 32 pixels, too coarse for vessels of 1 to 10; a CLIP with patches of 16 or 14, "
            'RETFound, VisionFM or DINOv2 would fit'
        )
    tower = _OPENAI if openai else _HUGGING
    found = account(source, layout, drop=(_LEFT,), rename=lambda key: _name(key, tower))
    for name, ndim in (('cls_token', 1), ('pos_embed', 2)):
        tensor = found.tensors.get(name)
        if tensor is not None and tensor.ndim == ndim:
            found.tensors[name] = tensor[None, None] if ndim == 1 else tensor[None]
    found.notes.append("the activation is OpenAI's quick GELU; a tower of OpenCLIP with exact GELU has the same keys: family='openclip'")
    return found.be('eyeclip', 'clip', 'openclip') if eye else found.be('clip', 'eyeclip', 'openclip')

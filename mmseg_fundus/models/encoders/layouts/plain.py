"""A dict of tensors under timm's names, flat or under ``state_dict`` or ``model``, with or without the prefixes of wrappers."""

from collections.abc import Mapping
from typing import Any

from .account import Found, account, unwrapped
from .mae import as_autoencoder, is_sine, norm_of_pooling

_NO_MORE = ('ls1.gamma', 'gamma_1', 'attn.q_norm.weight')


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """Whatever is there: what is no encoder's is found out when it is compared with what the encoder expects."""
    found = account(*unwrapped(loaded))
    norm_of_pooling(found)
    made_here = isinstance(getattr(loaded, 'metadata', loaded).get('about'), str)
    if 'norm_pre.bias' in found.tensors:  # without bias: another network (XP)
        found.notes.append("a tower of CLIP: with exact GELU, as timm has it; OpenAI's quick one with family='clip' or the model's name")
        return found.be('openclip', 'clip', 'eyeclip')
    if any(name.endswith(_NO_MORE) for name in found.tensors) or 'reg_token' in found.tensors:
        return found.be('plain')
    if not made_here and is_sine(found.tensors.get('pos_embed')):
        found.notes.append("the position table is MAE's: taken as a masked autoencoder")
        return as_autoencoder(found)
    large, base = found.size() == (1024, 24, 16), found.size() == (768, 12, 16)
    sized = ('retfound_mae', 'retizero') if large else ('urfound',) if base else ()
    return found.be('plain', 'visionfm', 'ibot', 'dino', 'mae', 'transformers', *sized)

"""Masked autoencoders with their decoder, as MAE's training code saves them."""

import re
from collections.abc import Mapping
from typing import Any

from .account import HEAD, Found, account, bare_name, unwrapped

_DECODER = re.compile(r'(mask_token$|decoder_(pos_embed$|embed\.|blocks\.|norm\.|pred\.))')
_NOTE = (
    "masked autoencoder: its decoder is left out; such encoders were mostly trained with ImageNet's mean and std, not VisionFM's, "
    'which the configs have: model.data_preprocessor=dict(mean=(.485, .456, .406), std=(.229, .224, .225))'
)


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """The encoder beside ``decoder_blocks``; what its pictures were normalised with the file does not say."""
    source, layout = unwrapped(loaded)
    if not any(isinstance(key, str) and bare_name(key).startswith('decoder_blocks.') for key in source):
        return None
    found = account(source, layout, drop=(HEAD, _DECODER))
    found.notes.insert(0, _NOTE)
    return found

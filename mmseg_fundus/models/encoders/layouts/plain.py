"""A dict of tensors under timm's names, flat or under ``state_dict`` or ``model``, with or without the prefixes of wrappers."""

from collections.abc import Mapping
from typing import Any

from .account import Found, account, unwrapped


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """Whatever is there: what is no encoder's is found out when it is compared with what the encoder expects."""
    return account(*unwrapped(loaded))

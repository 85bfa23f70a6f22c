"""Families of encoder checkpoints, one short file each: a pure function from a loaded file to named tensors.

A package adds its own with :func:`register_layout`.  The function is given the loaded dict and the branch that was asked for
(``checkpoint_key``) and returns :class:`Found`, or ``None`` if the file is not of its family.  :func:`account` gives every key its place.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ....errors import ConfigError
from . import mae, plain, visionfm
from .account import HEAD, Found, LayoutError, account, bare_name, some, unwrapped

Layout = Callable[[Mapping[str, Any], str], Found | None]

__all__ = ['HEAD', 'LAYOUTS', 'Found', 'Layout', 'LayoutError', 'account', 'bare_name', 'recognise', 'register_layout', 'some', 'unwrapped']

# asked in this order, the first that knows a file reads it; `plain` takes all that is left
LAYOUTS: dict[str, Layout] = {'visionfm': visionfm.read, 'mae': mae.read, 'plain': plain.read}


def register_layout(name: str, layout: Layout) -> None:
    """Add a family; it is asked before those that are there.

    Raises:
        ConfigError: If there is one of that name.
    """
    if name in LAYOUTS:
        raise ConfigError(f'a family of checkpoints named {name!r} is there already; choose another name')
    known = {name: layout, **LAYOUTS}
    LAYOUTS.clear()
    LAYOUTS.update(known)


def recognise(loaded: Any, branch: str) -> tuple[str, Found]:
    """The name of a loaded file's family, and what that makes of it.

    Args:
        loaded: What was in the file.
        branch (str): ``'teacher'`` or ``'student'``, for files that hold both.

    Raises:
        LayoutError: If nothing can be made of it.
    """
    if not isinstance(loaded, dict):
        raise LayoutError(f'holds a {type(loaded).__name__}; a dict of tensors was expected')
    for name, layout in LAYOUTS.items():
        found = layout(loaded, branch)
        if found is not None:
            return name, found
    raise LayoutError(f'is of none of the families {", ".join(LAYOUTS)}')

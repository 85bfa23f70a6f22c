"""Families of encoder checkpoints, one short file each: a pure function from a loaded file to named tensors.

A package adds its own with :func:`register_layout`.  The function is given the loaded dict and the branch that was asked for
(``checkpoint_key``) and returns :class:`Found`, or ``None`` if the file is not of its family.  :func:`account` gives every key its place.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ....errors import ConfigError
from ....families import FAMILIES, Family
from . import clip, dinov2, dinov3, mae, plain, refused, retizero, transformers, visionfm
from .account import HEAD, Found, LayoutError, account, bare_name, some, unwrapped

Layout = Callable[[Mapping[str, Any], str], Found | None]

__all__ = [
    'FAMILIES',
    'HEAD',
    'LAYOUTS',
    'Family',
    'Found',
    'Layout',
    'LayoutError',
    'account',
    'as_family',
    'bare_name',
    'recognise',
    'register_layout',
    'some',
    'unwrapped',
]

# asked in this order, the first that knows a file reads it; `plain` takes all that is left
LAYOUTS: dict[str, Layout] = {
    'refused': refused.read,
    'visionfm': visionfm.read,
    'retizero': retizero.read,
    'clip': clip.read,
    'transformers': transformers.read,
    'dinov3': dinov3.read,
    'dinov2': dinov2.read,
    'mae': mae.read,
    'plain': plain.read,
}


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
            return found.family.name if found.family else name, found
    raise LayoutError(f'is of none of the families {", ".join(LAYOUTS)}')


def as_family(found: Found, named: str) -> None:
    """Take what was found as the family that was named, in place.

    Raises:
        LayoutError: If there is no such family, or the keys are of another.
    """
    if named not in FAMILIES:
        raise LayoutError(f'is read with family={named!r}, which is none of {", ".join(FAMILIES)}')
    own = found.family
    if own is None or named not in (own.name, *found.also):
        keys = f'of {own.title} (family={own.name!r})' if own else 'of a layout that another package registered'
        could = f', or of {", ".join(found.also)}' if found.also else ''
        raise LayoutError(f'has the keys {keys}{could}, but family={named!r} ({FAMILIES[named].title}) was named; name the one it is of')
    if named != own.name:
        found.notes.append(f'taken as {FAMILIES[named].title}, as was asked; by its keys: {own.title}')
        found.be(named, *found.also)

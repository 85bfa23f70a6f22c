"""Training checkpoints of VisionFM, and of iBOT and DINO, whose layout that is: ``teacher`` and ``student``."""

from collections.abc import Mapping
from typing import Any

from .account import Found, LayoutError, account
from .families import VFM_MEAN, VFM_STD, VISIONFM

__all__ = ['BRANCHES', 'VFM_MEAN', 'VFM_STD', 'read']

BRANCHES = ('teacher', 'student')


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """The encoder in ``teacher`` or ``student``: behind ``module.`` and ``backbone.``, beside a projection head and a mask token."""
    there = [name for name in BRANCHES if isinstance(loaded.get(name), dict)]
    if not there:
        return None
    if branch not in there:
        raise LayoutError(f'has no {branch!r} weights, it holds {", ".join(there)}; set checkpoint_key={there[0]!r}')
    found = account(loaded[branch], f'{branch!r} of a student/teacher checkpoint')
    found.normalisation = VISIONFM
    return found

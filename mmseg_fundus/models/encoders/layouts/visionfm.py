"""Training checkpoints of VisionFM, and of iBOT and DINO, whose layout that is: ``teacher`` and ``student``."""

from collections.abc import Mapping
from typing import Any

from ..normalisation import Normalisation
from .account import Found, LayoutError, account

# RGB, pixel values 0 to 1.  VisionFM was trained with these on fundus photographs (its `get_stats('Fundus')`); a frozen encoder
# cannot adapt to others.
VFM_MEAN = (0.423737496137619, 0.2609460651874542, 0.128403902053833)
VFM_STD = (0.29482534527778625, 0.20167365670204163, 0.13668020069599152)
BRANCHES = ('teacher', 'student')


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """The encoder in ``teacher`` or ``student``: behind ``module.`` and ``backbone.``, beside a projection head and a mask token."""
    there = [name for name in BRANCHES if isinstance(loaded.get(name), dict)]
    if not there:
        return None
    if branch not in there:
        raise LayoutError(f'has no {branch!r} weights, it holds {", ".join(there)}; set checkpoint_key={there[0]!r}')
    found = account(loaded[branch], f'{branch!r} of a student/teacher checkpoint')
    found.normalisation = Normalisation(VFM_MEAN, VFM_STD)
    return found

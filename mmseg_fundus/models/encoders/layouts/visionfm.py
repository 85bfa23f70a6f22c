"""Training checkpoints of VisionFM, and of iBOT and DINO, whose layout that is: ``teacher`` and ``student``."""

import re
from collections.abc import Mapping
from typing import Any

from ....families import VFM_MEAN, VFM_STD
from .account import HEAD, Found, LayoutError, account, bare_name, unwrapped

__all__ = ['BRANCHES', 'VFM_MEAN', 'VFM_STD', 'branch_of', 'read']

BRANCHES = ('teacher', 'student')
_FINE_TUNED = 'visionfm_state_dict'
_CLASSIFIER = 'classifier_state_dict'
_META = re.compile(r'(.*\.ls1\.gamma|register_tokens|storage_tokens)')


def branch_of(loaded: Mapping[str, Any], branch: str) -> Mapping[str, Any] | None:
    """The dict of tensors under ``branch``; ``None`` if the file has no branches.

    Raises:
        LayoutError: If it has only the other one.
    """
    there = [name for name in BRANCHES if isinstance(loaded.get(name), dict)]
    if not there:
        return None
    if branch not in there:
        raise LayoutError(f'has no {branch!r} weights, it holds {", ".join(there)}; set checkpoint_key={there[0]!r}')
    source: Mapping[str, Any] = loaded[branch]
    return source


def read(loaded: Mapping[str, Any], branch: str) -> Found | None:
    """The encoder in ``teacher`` or ``student``: behind ``module.`` and ``backbone.``, beside a projection head and a mask token."""
    if isinstance(loaded.get(_FINE_TUNED), dict):
        return _fine_tuned(loaded)
    source = branch_of(loaded, branch)
    if source is None or any(isinstance(key, str) and _META.fullmatch(bare_name(key)) for key in source):
        return None
    found = account(source, f'{branch!r} of a student/teacher checkpoint')
    if 'dino_loss' in loaded and 'ibot_loss' not in loaded:
        return found.be('dino', 'visionfm', 'ibot')
    return found.be('visionfm', 'ibot', 'dino')


def _fine_tuned(loaded: Mapping[str, Any]) -> Found:
    found = account(unwrapped({_FINE_TUNED: loaded[_FINE_TUNED]})[0], f'{_FINE_TUNED!r} of a fine-tuned VisionFM', drop=(HEAD,))
    classifier = loaded.get(_CLASSIFIER)
    if isinstance(classifier, dict):
        found.dropped += [f'{_CLASSIFIER}.{key}' for key in classifier]
    return found.be('visionfm')

"""The settings of a training as plain texts, to be kept in its checkpoints and compared when it is resumed."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import printable

LONGEST = 120  # characters of a value
MOST = 5000  # settings of any config
SHOWN = 8
# Where and how fast, not what; and what has a line of its own when it is resumed.
_OTHER = (
    'work_dir',
    'load_from',
    'resume',
    'experiment_name',
    'launcher',
    'log_level',
    'env_cfg',
    'randomness',
    'visualizer',
    'vis_backends',
)
_OTHER_ENDS = ('num_workers', 'persistent_workers', 'prefetch_factor', 'pin_memory')


def flat_settings(node: Any, name: str = '') -> dict[str, str]:
    """``{'train_cfg.max_epochs': '100', ...}`` of a config: each setting by its dotted name, its value as a text."""
    parts: Iterable[tuple[Any, Any]]
    if isinstance(node, Mapping) and node:
        parts = node.items()
    elif isinstance(node, (list, tuple)) and any(isinstance(item, (Mapping, list, tuple)) for item in node):
        parts = enumerate(node)
    else:
        return {name: (node if isinstance(node, str) else repr(node))[:LONGEST]}
    return {key: value for part, below in parts for key, value in flat_settings(below, f'{name}.{part}' if name else str(part)).items()}


def changed_settings(new: dict[str, str], old: Any) -> str:
    """What differs between two of :func:`flat_settings`, in words; '' if nothing, or if the old ones are not known.

    Args:
        new (dict): Of this training.
        old (Any): Out of a checkpoint.
    """
    known = isinstance(old, dict) and len(old) <= MOST and all(isinstance(key, str) and isinstance(old[key], str) for key in old)
    if not known:
        return ''
    names = [name for name in {**new, **old} if name.split('.')[0] not in _OTHER and not name.endswith(_OTHER_ENDS)]
    differ = [
        f'{name[:LONGEST]} {old.get(name, "(none)")[:LONGEST]} -> {new.get(name, "(none)")}'
        for name in names
        if new.get(name) != old.get(name)
    ]
    return printable('; '.join(differ[:SHOWN]) + (f'; and {len(differ) - SHOWN} more' if differ[SHOWN:] else ''))

"""What a loaded checkpoint may hold: as much as its file does, in a form that can be walked through."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import FileError

DEPTH = 64  # containers in containers; ours have 6
ENTRIES = 20_000_000  # counted as often as they are reached
REPEATED = 4 * 2**30  # bytes of tensors beyond the file's size


def check_contents(loaded: Any, path: Path) -> None:
    """Refuse contents that are small in the file and endless in memory.

    A list that holds itself, lists of one list over and over, a tensor of a terabyte that repeats one number: each loads in a moment
    and stops whatever walks through, prints or copies it.

    Args:
        loaded (Any): What was read.
        path (Path): From where.

    Raises:
        FileError: If containers are nested too deep, hold too many entries, or the tensors are far larger than the file.
    """
    stored = path.stat().st_size
    counts: dict[int, int] = {}  # id of a container or tensor -> entries below it; all are alive in ``loaded``
    total = 0

    def count_below(item: Any, depth: int) -> int:
        nonlocal total
        if isinstance(item, Tensor):
            total += item.numel() * item.element_size()
            if total > stored + REPEATED:
                raise FileError(f'{path}: its tensors repeat {stored:,} bytes to more than {REPEATED / 2**30:.0f} GiB')
            return 1
        if depth == DEPTH:
            raise FileError(f'{path}: its contents are nested more than {DEPTH} deep, or hold themselves')
        below = [*dict.keys(item), *dict.values(item)] if isinstance(item, dict) else item
        entries = 1 + sum(count(entry, depth + 1) for entry in below)
        if entries > ENTRIES:
            raise FileError(f'{path}: its contents repeat themselves to more than {ENTRIES:,} entries')
        return entries

    def count(item: Any, depth: int) -> int:
        if isinstance(item, Namespace):
            item = vars(item)
        if not isinstance(item, (Tensor, dict, list, tuple, set, frozenset)):
            return 1
        if id(item) not in counts:
            counts[id(item)] = count_below(item, depth)
        return counts[id(item)]

    count(loaded, 0)

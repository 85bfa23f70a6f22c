"""How far long work is and how long it will take yet, on a terminal; nothing is printed elsewhere.

Who has much to do opens a :func:`bar` and steps it.  Who does one thing of it, however deep inside, takes its items from
:func:`parts`; without a bar nobody listens.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TextIO, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Item = TypeVar('Item')


class Bar:
    """Units of work that are done, and how much of the one that is under way.

    Args:
        shown (Progress, optional): Of rich; ``None`` where nobody looks.
        task (TaskID, optional): In it.
    """

    def __init__(self, shown: 'Progress | None' = None, task: 'TaskID | None' = None) -> None:
        self._shown, self._task = shown, task
        self._done = 0
        self._span = (0.0, 1.0)  # where the part under way begins in its unit, and its length

    def step(self, units: int = 1) -> None:
        """Units are done."""
        self._done += units
        self._span = (0.0, 1.0)
        self._tell(0.0)

    def part(self, share: float) -> None:
        """Of what is under way that much is done, 0 to 1."""
        begin, length = self._span
        self._tell(begin + length * min(max(share, 0.0), 1.0))

    def parts(self, items: Iterable[Item], total: int) -> Iterator[Item]:
        """Hand out items, each an equal part of what is under way."""
        begin, length = outer = self._span
        for number, item in enumerate(items):
            self._span = (begin + length * number / total, length / total)
            yield item
            self._span = outer
            self.part((number + 1) / total)

    def _tell(self, share: float) -> None:
        if self._shown is not None and self._task is not None:
            self._shown.update(self._task, completed=self._done + share, done=self._done)


_open: ContextVar[Bar | None] = ContextVar('open', default=None)


@contextmanager
def bar(what: str, total: int, stream: TextIO | None = None) -> Iterator[Bar]:
    """A bar with the time that is left, as long as the block runs.

    Args:
        what (str): What is done, e.g. ``'predict'``.
        total (int): Units.
        stream (TextIO, optional): The error output by default, so that what a tool prints can be piped.

    Yields:
        Bar: Step it after each unit.
    """
    stream = stream or sys.stderr
    if total < 1 or not stream.isatty():
        yield Bar()
        return
    from rich.console import Console  # takes a while, and is not needed where nobody looks
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(file=stream)
    columns = (TextColumn('{task.description}'), BarColumn(), TextColumn('{task.fields[done]}/{task.total:.0f}'))
    times = (TimeElapsedColumn(), TextColumn('left:'), TimeRemainingColumn())
    with Progress(*columns, *times, console=console, speed_estimate_period=300) as shown:
        here = Bar(shown, shown.add_task(what, total=total, done=0))
        before = _open.set(here)
        try:
            yield here
        finally:
            _open.reset(before)


def parts(items: Iterable[Item], total: int) -> Iterable[Item]:
    """Items, each an equal part of what is under way; what a part says of itself counts within it."""
    here = _open.get()
    return items if here is None else here.parts(items, total)

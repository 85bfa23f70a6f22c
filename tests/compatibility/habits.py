"""The rows of the table: a habit of OpenMMLab's users, how it is tried, and what should come of it."""

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from tiny import ROOT
from trial import Shared, Trial, Wrong

ROWS = {}


class Row(NamedTuple):
    """One habit.

    ``refused``: words that the line of refusal holds; ``None`` if the habit works.
    """

    kind: str
    name: str
    checked: str
    refused: str | None
    attempt: Callable


def row(kind: str, name: str, refused: str | None = None):
    """Register a function ``(Trial) -> Finished | None`` as a row; its docstring says what is looked at."""

    def keep(function: Callable) -> Callable:
        assert name not in ROWS, f'two rows are called {name}'
        ROWS[name] = Row(kind, name, ' '.join(function.__doc__.split()), refused, function)
        return function

    return keep


class Verdict(NamedTuple):
    """What came of a row: ``'works'``, ``'refused'`` with its line, or ``'FAILS'`` with what was otherwise than it should."""

    name: str
    verdict: str
    line: str
    seconds: float

    def kept(self) -> dict:
        """What is stored of it."""
        return {'verdict': self.verdict, **({'line': self.line} if self.line else {})}


def judge(row: Row, shared: Shared, seconds: float) -> Verdict:
    """Try a row; nothing that goes wrong in it is raised."""
    began = time.monotonic()
    folder = shared.folder / re.sub(r'\W+', '_', row.name)[:60]
    verdict, line = 'works', ''
    try:
        ended = row.attempt(Trial(folder, shared, seconds))
        if row.refused is not None:
            if not ended.status:
                raise Wrong(f'expected to be refused with {row.refused!r}, but it went through: {ended.tail()}')
            verdict, line = 'refused', ended.refusal()
            if row.refused not in line:
                raise Wrong(f'expected to be refused with {row.refused!r}, but: {line}')
    except Exception as error:
        name = '' if isinstance(error, Wrong) else f'{type(error).__name__}: '
        verdict, line = 'FAILS', name + ' '.join(str(error).split())
    line = line.replace(str(folder), 'FOLDER').replace(str(shared.folder), 'SHARED').replace(f'{ROOT}/', '').replace(str(ROOT), '.')
    return Verdict(row.name, verdict, line, time.monotonic() - began)

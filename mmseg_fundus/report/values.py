"""Showing what may be missing or not defined in results of any age."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class Cell(NamedTuple):
    """A figure in a table that sorts: its exact value, ``''`` where it is not defined, and what is shown."""

    exact: str
    text: str


def number(value: Any) -> float | None:
    """``value`` if it is a number that a chart can show: finite, and not so large that differences overflow."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300 else None


def shown(value: Any, digits: int | None = 4) -> str:
    """A figure with ``digits`` decimals, or with four digits; or a dash."""
    value = number(value)
    return '–' if value is None else f'{value:.4g}' if digits is None else f'{value:.{digits}f}'


def cell(value: Any, digits: int | None = 4) -> Cell:
    """:func:`shown`, and what it is sorted by."""
    exact = number(value)
    return Cell('' if exact is None else f'{exact:.9g}', shown(exact, digits))


def photographs(count: int) -> str:
    """A number of photographs in words."""
    return f'{count} photograph' + ('' if count == 1 else 's')


def points(x: Sequence[Any], y: Sequence[Any]) -> list[tuple[float, float]]:
    """``(x, y)`` pairs of two columns of numbers, without those that are not defined."""
    pairs = ((number(a), number(b)) for a, b in zip(x, y))
    return [(a, b) for a, b in pairs if a is not None and b is not None]

"""Showing what may be missing or not defined in results of any age; escaping it."""

import html
import re
from collections.abc import Sequence
from typing import Any

_UNPRINTABLE = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]')


def escape(value: Any) -> str:
    """Text for HTML, between tags or in a quoted attribute; what no file can hold or no page may (lone surrogates, controls) is ``?``."""
    text = _UNPRINTABLE.sub('?', str(value)).encode('utf-8', 'replace').decode('utf-8')
    return html.escape(text, quote=True)


def name(value: Any) -> str:
    """A name as HTML, kept apart from the text around it whichever way it is written."""
    return f'<bdi>{escape(value)}</bdi>'


def number(value: Any) -> float | None:
    """``value`` if it is a number that a chart can show: finite, and not so large that differences overflow."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300 else None


def shown(value: Any, digits: int = 4) -> str:
    """A figure with ``digits`` decimals, or a dash."""
    value = number(value)
    return '–' if value is None else f'{value:.{digits}f}'


def points(x: Sequence[Any], y: Sequence[Any]) -> list[tuple[float, float]]:
    """``(x, y)`` pairs of two columns of numbers, without those that are not defined."""
    pairs = ((number(a), number(b)) for a, b in zip(x, y))
    return [(a, b) for a, b in pairs if a is not None and b is not None]

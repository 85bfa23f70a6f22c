"""Line charts as inline SVG: no library, nothing to load, colours and line styles that are told apart with any colour vision."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from .frame import render
from .values import points

WIDTH, HEIGHT = 400, 290
RIGHT, TOP, BOTTOM = 14, 12, 50  # margins; the left one has room for the numbers there
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        name (str): In the legend; '' for none.
        points (Sequence[tuple]): ``(x, y)``.
        dots (bool): Each point gets one.
        joined (bool): A line goes through the points.
        like (int, optional): Number of the curve whose colour it has; its own by default.
    """

    name: str
    points: Sequence[tuple[float, float | None]]
    dots: bool = False
    joined: bool = True
    like: int | None = None


@dataclass(frozen=True)
class Mark:
    """A single point that the legend names; none where a coordinate is not known."""

    name: str
    x: float | None
    y: float | None


def line_chart(
    title: str,
    lines: list[Line],
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    marks: Sequence[Mark] = (),
    diagonal: str = '',
    note: str = '',
) -> Markup:
    """A chart as an HTML ``figure``; without any finite point ''.

    Args:
        title (str): Above it.
        lines (list[Line]): At most three that are not like another.
        x_label, y_label (str): Of the axes, with units.
        x_range, y_range (tuple, optional): Ends of the axes; those of the points, ``y`` from 0 on, by default.
        marks (Sequence[Mark]): Points to point out.
        diagonal (str): Name of the line where x is y; '' for none.
        note (str): Below it.
    """
    curves = [(i, line, points([x for x, _ in line.points], [y for _, y in line.points])) for i, line in enumerate(lines)]
    curves = [(i, line, known) for i, line, known in curves if known]  # a line keeps its colour where another one is missing
    if not curves:
        return Markup()
    every = [point for _, _, known in curves for point in known]
    x_ticks = ticks(*(x_range or (min(x for x, _ in every), max(x for x, _ in every))))
    y_ticks = ticks(*(y_range or (min(0, *(y for _, y in every)), max(y for _, y in every))))
    x_low, x_high = x_range if x_range and x_range[1] - x_range[0] > 1e-290 else (x_ticks[0], x_ticks[-1])
    y_low, y_high = y_range or (y_ticks[0], y_ticks[-1])

    left = 34 + 7.5 * max(len(f'{value:.6g}') for value in y_ticks)

    def place(x: float, y: float) -> Point:
        return (
            left + (x - x_low) / (x_high - x_low) * (WIDTH - left - RIGHT),
            HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM),
        )

    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    x_grid = [(place(value, y_ticks[0])[0], f'{value:.6g}') for value in x_ticks]
    y_grid = [(place(x_ticks[0], value)[1], f'{value:.6g}') for value in y_ticks]
    return render(
        'chart.html',
        **dict(title=title, x_label=x_label, y_label=y_label, note=note),
        **dict(width=WIDTH, height=HEIGHT, left=left, right=right, top=TOP, bottom=bottom),
        x_ends=f'{x_low:.9g} {x_high:.9g}',
        y_ends=f'{y_low:.9g} {y_high:.9g}',
        x_grid=[(x, text) for x, text in x_grid if left - 1 < x < right + 1],
        y_grid=[(y, text) for y, text in y_grid if TOP - 1 < y < bottom + 1],
        diagonal=dict(name=diagonal, path=_path([place(*(max(x_low, y_low),) * 2), place(*(min(x_high, y_high),) * 2)]))
        if diagonal
        else None,
        curves=[_curve(i, line, [place(x, y) for x, y in known]) for i, line, known in curves],
        marks=[Mark(mark.name, *place(x, y)) for mark in marks for x, y in points([mark.x], [mark.y])],  # one point, or none
    )


def _curve(number: int, line: Line, at: list[Point]) -> dict[str, Any]:
    number = number if line.like is None else line.like
    return dict(number=number, name=line.name, path=_path(at), dots=at if line.dots else [], joined=line.joined)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values, about ``count``, that span ``low`` to ``high``; a stretch around the value where both are one."""
    size = max(abs(low), abs(high))
    if not high - low > max(size * 1e-12, 1e-290):  # so near that they are one for a float's arithmetic
        around = size / 2 if size > 1e-290 else 0.5
        low, high = low - around, low + around
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= rough * 0.999), 10 * power)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, last + 1)]


def _path(points: list[Point]) -> str:
    """A path through points; one point alone becomes a dot (by its round ends)."""
    return 'M' + 'L'.join(f'{x:.2f} {y:.2f}' for x, y in points) + ('h0' if len(points) == 1 else '')

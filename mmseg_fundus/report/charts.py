"""Line charts as inline SVG: no library, nothing to load, colours and line styles that are told apart with any colour vision."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .values import escape, points

WIDTH, HEIGHT = 400, 290
RIGHT, TOP, BOTTOM = 14, 12, 50  # margins; the left one has room for the numbers there
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A curve: its name in the legend, its ``(x, y)`` points, and whether each of them gets a dot."""

    name: str
    points: Sequence[tuple[float, float | None]]
    dots: bool = False


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
) -> str:
    """A chart as an HTML ``figure``; without any finite point ''.

    Args:
        title (str): Above it.
        lines (list[Line]): At most three.
        x_label, y_label (str): Of the axes, with units.
        x_range, y_range (tuple, optional): Ends of the axes; those of the points, ``y`` from 0 on, by default.
        marks (Sequence[Mark]): Points to point out.
        diagonal (str): Name of the line from (0, 0) to (1, 1); '' for none.
        note (str): Below it.
    """
    curves = [(i, line, points([x for x, _ in line.points], [y for _, y in line.points])) for i, line in enumerate(lines)]
    curves = [(i, line, known) for i, line, known in curves if known]  # a line keeps its colour where another one is missing
    if not curves:
        return ''
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

    drawn, legend = [_axes(x_ticks, y_ticks, place, left, x_label, y_label)], []
    if diagonal:
        drawn.append(f'<path class="diagonal" d="{_path([place(0, 0), place(1, 1)])}"/>')
        legend.append(('<path class="diagonal" d="M1 6H27"/>', diagonal))
    for i, line, known in curves:
        at = [place(x, y) for x, y in known]
        drawn.append(f'<path class="line line{i}" data-name="{escape(line.name)}" d="{_path(at)}"/>')
        if line.dots:
            drawn.extend(f'<circle class="dot{i}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in at)
        legend.append((f'<path class="line line{i}" d="M1 6H27"/>', line.name))
    for mark in marks:
        for x, y in [place(x, y) for x, y in points([mark.x], [mark.y])]:  # one, or none
            drawn.append(f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
            legend.append(('<circle class="mark" cx="14" cy="6" r="4.5"/>', mark.name))
    ends = f'data-x="{x_low:.9g} {x_high:.9g}" data-y="{y_low:.9g} {y_high:.9g}" data-box="{left} {WIDTH - RIGHT} {TOP} {HEIGHT - BOTTOM}"'
    keys = ''.join(f'<li><svg viewBox="0 0 28 12" aria-hidden="true">{sample}</svg>{escape(text)}</li>' for sample, text in legend)
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(f"{title}: {y_label} by {x_label}")}" {ends}>'
        f'{"".join(drawn)}<path class="cursor" d=""/></svg>'
        f'<p class="readout" data-x="{escape(x_label)}" hidden></p>'
        f'<ul class="legend">{keys}</ul>' + (f'<p class="note">{escape(note)}</p>' if note else '') + '</figure>'
    )


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


def _axes(
    x_ticks: list[float], y_ticks: list[float], place: Callable[[float, float], Point], left: float, x_label: str, y_label: str
) -> str:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    drawn = []
    for value in x_ticks:
        x, _ = place(value, 0)
        if left - 1 < x < right + 1:
            drawn.append(f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/><text x="{x:.1f}" y="{bottom + 17}">{value:.6g}</text>')
    for value in y_ticks:
        _, y = place(x_ticks[0], value)
        if TOP - 1 < y < bottom + 1:
            drawn.append(
                f'<path class="grid" d="M{left} {y:.1f}H{right}"/><text class="left" x="{left - 6}" y="{y + 4:.1f}">{value:.6g}</text>'
            )
    drawn.append(f'<path class="axis" d="M{left} {TOP}V{bottom}H{right}"/>')
    drawn.append(f'<text class="label" x="{(left + right) / 2}" y="{HEIGHT - 6}">{escape(x_label)}</text>')
    drawn.append(f'<text class="label" transform="translate(14 {(TOP + bottom) / 2}) rotate(-90)">{escape(y_label)}</text>')
    return ''.join(drawn)


def _path(points: list[Point]) -> str:
    """A path through points; one point alone becomes a dot (by its round ends)."""
    return 'M' + 'L'.join(f'{x:.2f} {y:.2f}' for x, y in points) + ('h0' if len(points) == 1 else '')

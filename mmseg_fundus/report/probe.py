"""A probe of encoders as one HTML page that needs no other file and no network."""

from markupsafe import Markup

from ..results.probe import NOTE, Probe
from .charts import Line, line_chart
from .frame import framed, joined, render
from .values import number


def probe_section(probe: Probe) -> Markup:
    """The sentences, the table and a chart of each encoder's seeds."""
    heads, lines = probe.table()
    drawn = joined(_chart(probe, encoder, column) for encoder in probe.encoders for column in probe.columns)
    return render('probe.html', told=probe.sentences(), heads=heads, lines=lines, note=NOTE, drawn=drawn)


def _chart(probe: Probe, encoder: str, column: str) -> Markup:
    lines = []
    for kind in ('file', 'random weights', 'no encoder'):
        seeds = probe.figures(encoder, kind, column)
        means = []
        for seed, one in sorted(seeds.items()):
            values = [value for value in map(number, one.values()) if value is not None]
            if values:
                means.append((seed, sum(values) / len(values)))
        lines.append(Line(encoder if kind == 'file' else kind, means, dots=True))
    values = [y for line in lines for _, y in line.points if y is not None]
    ends = (min(values), max(values)) if values else (0.0, 1.0)
    around = max(ends[1] - ends[0], 0.01) * 0.1
    return line_chart(f'{encoder}, {column}', lines, 'seed', probe.figure, y_range=(ends[0] - around, ends[1] + around))


def make_probe_page(probe: Probe) -> str:
    """The page; like a report of a test it can load and run nothing but its own script."""
    trained = ', '.join(f'{key} {value}' for key, value in probe.settings.items())
    return framed(
        title='Probe of encoders',
        heading='Probe of encoders',
        subtitle=f'{probe.dataset}: {trained}',
        body=probe_section(probe),
        tool='probe_encoder.py',
    )

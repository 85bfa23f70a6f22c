"""Scores put together, and as a table on the console."""

import math
from typing import Any

from prettytable import PrettyTable

from .agreement import measure_rows
from .curves import curves
from .risk_coverage import risk_coverage
from .score_histogram import ScoreHistogram
from .scores import NAMES
from .topology import topology

Scored = tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]
FOV, FRAME = 'field of view', 'whole frame'


def make_report(
    names: list[str],
    inside: Scored,
    whole: Scored | None = None,
    histogram: ScoreHistogram | None = None,
    uncertainty: dict[str, ScoreHistogram] | None = None,
) -> dict[str, Any]:
    """Put together what ``results.json`` and the tables show.

    Args:
        names (list[str]): Pictures.
        inside (tuple[list, dict]): Records of :func:`.score_picture` in the field of view and their :func:`.summarise`.
        whole (tuple[list, dict], optional): The same over the whole frame, unmasked.
        histogram (ScoreHistogram, optional): Of all scores in the field of view.
        uncertainty (dict, optional): Of right and wrong pixels there, by ranking, see :func:`.risk_coverage.risk_coverage`.

    Returns:
        dict: ``field of view`` and ``whole frame`` with ``pooled``, ``mean``, ``sd``, ``bounds``; with a histogram ``curves``, see
        :func:`.curves.curves` (and ``risk_coverage`` of each ranking); and ``pictures``, a row of each.
    """
    areas = {FOV: inside, **({FRAME: whole} if whole else {})}
    rows = []
    for i, name in enumerate(names):
        row: dict[str, Any] = {'picture': name}
        for area, (records, _) in areas.items():
            mark = '' if area == FOV else 'unmasked '
            row.update({mark + figure: value for figure, value in records[i]['figures'].items()})
            if area == FOV and 'topology' in records[i]:
                row.update({name: value for name, value in topology([records[i]['topology']]).items() if not name.startswith('Share')})
            if area == FOV:
                row.update(measure_rows(records[i]))
            row.update({mark + count: int(value) for count, value in zip(('TP', 'FP', 'FN', 'TN'), records[i]['counts'])})
        rows.append(row)
    found = (curves(histogram) if histogram is not None else None) or {}
    risks = {name: risk_coverage(counted) for name, counted in (uncertainty or {}).items() if counted.counts.any()}
    found.update({'risk_coverage': risks} if risks else {})
    return {**{area: summary for area, (_, summary) in areas.items()}, **({'curves': found} if found else {}), 'pictures': rows}


def report_rows(report: dict[str, Any], name: str = '') -> dict[str, dict[str, float]]:
    """Rows of :func:`figures_table`: pooled, mean and standard deviation over pictures, and pooled over the whole frame."""
    found = {'pooled': report[FOV]['pooled'], 'mean': report[FOV]['mean'], 'sd': report[FOV]['sd']}
    if FRAME in report:
        found['unmasked'] = report[FRAME]['pooled']
    return {f'{name}, {row}' if name else row: figures for row, figures in found.items()}


def figures_table(rows: dict[str, dict[str, float]], title: str) -> str:
    """A table of ``{row: {figure: value}}``; what a row has no value for is a dash."""
    names = [name for name in NAMES if any(name in row for row in rows.values())]
    table = PrettyTable(['', *names], title=title, align='r')
    for label, row in rows.items():
        table.add_row([label, *(f'{row[name]:.4f}' if name in row and not math.isnan(row[name]) else '-' for name in names)])
    table.align[''] = 'l'
    return table.get_string()

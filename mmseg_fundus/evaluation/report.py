"""Scores as tables: on the console and as CSV."""

import csv
import io
import math

from prettytable import PrettyTable

from .scores import NAMES

FOV, FRAME = 'field of view', 'whole frame'


def make_report(names: list, inside: tuple, whole: tuple | None = None) -> dict:
    """Put together what ``results.json`` and the tables show.

    Args:
        names (list[str]): Pictures.
        inside (tuple[list, dict]): Records of :func:`.score_picture` in the field of view and their :func:`.summarise`.
        whole (tuple[list, dict], optional): The same over the whole frame, unmasked.

    Returns:
        dict: ``field of view`` and ``whole frame`` with ``pooled``, ``mean``, ``sd``, ``bounds``, and ``pictures``, a row of each.
    """
    areas = {FOV: inside, **({FRAME: whole} if whole else {})}
    rows = []
    for i, name in enumerate(names):
        row = {'picture': name}
        for area, (records, _) in areas.items():
            mark = '' if area == FOV else 'unmasked '
            row.update({mark + figure: value for figure, value in records[i]['figures'].items()})
            row.update({mark + count: int(value) for count, value in zip(('TP', 'FP', 'FN', 'TN'), records[i]['counts'])})
        rows.append(row)
    return {**{area: summary for area, (_, summary) in areas.items()}, 'pictures': rows}


def report_table(report: dict, title: str) -> str:
    """The console's table: pooled, mean and standard deviation over pictures, and pooled over the whole frame."""
    rows = {'pooled': report[FOV]['pooled'], 'mean': report[FOV]['mean'], 'sd': report[FOV]['sd']}
    if FRAME in report:
        rows['unmasked, pooled'] = report[FRAME]['pooled']
    return figures_table(rows, title)


def figures_table(rows: dict, title: str) -> str:
    """A table of ``{row: {figure: value}}``; what a row has no value for is a dash."""
    names = [name for name in NAMES if any(name in row for row in rows.values())]
    table = PrettyTable(['', *names], title=title, align='r')
    for label, row in rows.items():
        table.add_row([label, *(f'{row[name]:.4f}' if name in row and not math.isnan(row[name]) else '-' for name in names)])
    table.align[''] = 'l'
    return table.get_string()


def report_csv(report: dict) -> str:
    """One line per picture, figures with six decimals."""
    text = io.StringIO()
    rows = report['pictures']
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator='\n')
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f'{value:.6f}' if isinstance(value, float) else value for key, value in row.items()})
    return text.getvalue()

"""Scores as tables: on the console, as CSV and JSON."""

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import torch
from prettytable import PrettyTable

from ..datasets.naming import parts_of
from ..fileio.whole_files import write_whole
from .curves import curves
from .score_histogram import ScoreHistogram
from .scores import NAMES

FOV, FRAME = 'field of view', 'whole frame'


def make_report(names: list, inside: tuple, whole: tuple | None = None, histogram: ScoreHistogram | None = None) -> dict:
    """Put together what ``results.json`` and the tables show.

    Args:
        names (list[str]): Pictures.
        inside (tuple[list, dict]): Records of :func:`.score_picture` in the field of view and their :func:`.summarise`.
        whole (tuple[list, dict], optional): The same over the whole frame, unmasked.
        histogram (ScoreHistogram, optional): Of all scores in the field of view.

    Returns:
        dict: ``field of view`` and ``whole frame`` with ``pooled``, ``mean``, ``sd``, ``bounds``; with a histogram ``curves``, see
        :func:`.curves.curves`; and ``pictures``, a row of each.
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
    found = curves(histogram) if histogram is not None else None
    return {**{area: summary for area, (_, summary) in areas.items()}, **({'curves': found} if found else {}), 'pictures': rows}


def report_rows(report: dict, name: str = '') -> dict:
    """Rows of :func:`figures_table`: pooled, mean and standard deviation over pictures, and pooled over the whole frame."""
    found = {'pooled': report[FOV]['pooled'], 'mean': report[FOV]['mean'], 'sd': report[FOV]['sd']}
    if FRAME in report:
        found['unmasked'] = report[FRAME]['pooled']
    return {f'{name}, {row}' if name else row: figures for row, figures in found.items()}


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


def without_nan(value):
    """``value`` as JSON can hold it: numpy's and torch's numbers and arrays are plain ones, figures that are not defined ``None``."""
    if isinstance(value, dict):
        return {str(key): without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [without_nan(item) for item in value]
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return without_nan(value.float().numpy() if value.dtype == torch.bfloat16 else value.numpy())
    if isinstance(value, np.ndarray):
        return without_nan(value.item() if value.size == 1 else value.tolist())
    if isinstance(value, np.floating):
        value = float(str(value))  # of a float32 98.2, not 98.19999694824219
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def described(dataset) -> dict:
    """What figures were measured on and what finds the same pictures again: :meth:`.FundusVessels.describe`.

    Of a data set that is made of others (``ConcatDataset``): what those have in common, and each of them in ``parts``.
    """
    parts = [described(part) for part in parts_of(dataset) if part is not dataset]
    if parts:
        common = {key: _joined(part.get(key) for part in parts) for key in ('split', 'field_of_view') if all(key in part for part in parts)}
        return {'class': type(dataset).__name__, **common, 'pictures': len(dataset), 'parts': parts}
    if not hasattr(dataset, 'describe'):
        return {'class': type(dataset).__name__}
    return dataset.describe()


def _joined(values) -> str:
    return ', '.join(dict.fromkeys(map(str, values)))


def write_results(folder, results: dict) -> None:
    """Write ``results.json`` and, where ``results`` has a ``report``, ``per_picture.csv``; each is whole or as it was."""
    folder = Path(folder)
    text = json.dumps(without_nan(results), indent=2) + '\n'
    write_whole(folder / 'results.json', lambda path: path.write_text(text, encoding='utf-8'))
    if results.get('report'):
        write_whole(
            folder / 'per_picture.csv',
            lambda path: path.write_text(report_csv(results['report']), encoding='utf-8', errors='backslashreplace'),
        )

"""The cells of the tables of results: what a column shows of one result or of several seeds, and lines of Markdown."""

import re
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .record import DataSet, Report, Results

FIGURES = ('Dice', 'AUC-ROC', 'AUC-PR', 'Sensitivity', 'Specificity', 'Accuracy', 'MCC', 'clDice')
ABOUT_TRAINING = ('trained on', 'encoder', 'seeds', 'steps', 'trained parameters', 'training', 'device')
COLUMNS = (
    *('method', 'trained on', 'data, pictures', 'field of view', 'encoder', 'seeds', 'steps', 'trained parameters', 'training'),
    *('threshold', *FIGURES, 'ECE', 'Dice per picture', 'Dice unmasked', 's per picture', 'device'),
)
ABLATION_COLUMNS = (
    *('method', 'change', 'trained on', 'data, pictures', 'encoder', 'seeds', 'steps', 'trained parameters', 'training'),
    *('threshold', *FIGURES, 'ECE'),
)
Row = dict[str, str]  # cells by column


def method_of(results: Results) -> str:
    """Name of the method: of the config, or what its maker calls it; an ensemble is another method than its members."""
    name = Path(results.config).stem if results.config else '?' if results.method is None else results.method
    members = results.trained.members
    return f'{name}, ensemble of {len(members)}' if len(members) > 1 else name


def encoder_of(results: Results) -> str:
    """The encoder in a cell: what is to be known about its weights, else their file."""
    weights = results.weights
    if not weights:
        return results.encoder or ''
    notes = '; '.join(note.split(':')[0] for note in weights.notes)
    return notes or f'{Path(weights.path or "").name}, SHA-256 {(weights.sha256 or "")[:8]}'


def threshold_of(results: Results) -> str:
    """The threshold, and what it was chosen on."""
    given = results.prediction.threshold
    return ', '.join(filter(None, (f'{0.5 if given is None else given:g}', choice_of(results))))


def choice_of(results: Results) -> str:
    """How the threshold was come by, which sets rows apart; '' if it was given.  A calibration names its sets: others than one tests on."""
    chosen = results.threshold_chosen_on
    if not chosen:
        return ''
    return f'calibrated on {chosen.class_name} {chosen.split}' if results.calibration else f'chosen on {chosen.split}'


def number(value: float | None) -> str:
    """Four decimals, without the 0 before them; '' for what is not defined."""
    return '' if value is None or value != value else f'{value:.4f}'.removeprefix('0')


def spread(values: list[float | None]) -> str:
    """One run's value, or mean ± standard deviation (n - 1) of several."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return number(known[0]) if known else ''
    return f'{number(statistics.mean(known))} ± {number(statistics.stdev(known))}'


def joined(values: Iterable[Any]) -> str:
    """Different values, in order."""
    return ', '.join(dict.fromkeys(str(value) for value in values if value not in (None, '')))


def pictures_of(data: DataSet) -> str:
    """``DRIVE test, 20``."""
    return f'{data.short_name} {data.split}, {data.pictures}'


def cells(group: list[Results]) -> Row:
    """The columns of one row, from the results of one or several seeds."""
    first, trained = group[0], [results.trained for results in group]
    return {
        'method': method_of(first),
        'trained on': pictures_of(first.trained.data) if first.trained.data else '',
        'data, pictures': pictures_of(first.data),
        'field of view': str(first.data.field_of_view),
        'encoder': encoder_of(first),
        'seeds': joined(one.seed for one in trained),
        'steps': joined(one.steps for one in trained),
        'trained parameters': joined(one.trained_parameters for one in trained),
        'training': joined(f'{one.seconds / 60:.0f} min' for one in trained if one.seconds),
        'threshold': joined(threshold_of(results) for results in group),
        **figure_cells([results.report for results in group]),
        's per picture': joined(f'{results.seconds_per_picture:.1f}' for results in group if results.seconds_per_picture),
        'device': joined(one.device for one in trained),
    }


def observer_cells(group: list[Results], second: Report) -> Row:
    """The columns of the second observer beside a group that was tested on the same pictures."""
    about = dict.fromkeys((*ABOUT_TRAINING, 's per picture'), '')
    return {**cells(group), **about, 'method': 'second observer', 'threshold': '0.5', **figure_cells([second])}


def figure_cells(reports: list[Report]) -> Row:
    """The columns of figures."""
    inside = reports[0].inside
    mean, deviation = inside.mean.get('Dice'), inside.sd.get('Dice')
    return {
        **{name: spread([report.inside.pooled.get(name) for report in reports]) for name in FIGURES},
        'ECE': spread([report.curves.calibration.error for report in reports]),
        'Dice per picture': f'{number(mean)} ± {number(deviation)}' if len(reports) == 1 and mean is not None else '',
        'Dice unmasked': spread([report.whole.pooled.get('Dice') for report in reports]),
    }


def table(rows: list[Row], columns: tuple[str, ...]) -> list[str]:
    """Lines of Markdown; columns that no row has anything for are left out, repeated lines too. None of no row."""
    if not rows:
        return []
    shown = [name for name in columns if any(row.get(name) for row in rows)]
    lines = [f'| {" | ".join(cell(row.get(name, "")) for name in shown)} |' for row in rows]
    return [f'| {" | ".join(map(cell, shown))} |', '|' + '---|' * len(shown), *dict.fromkeys(lines)]


def cell(value: str) -> str:
    """Text that is no markup and no other cell."""
    text = ''.join(character if character.isprintable() else ' ' for character in value)
    return re.sub(r'([|<\[\]`\\])', r'\\\1', ' '.join(text.split()))

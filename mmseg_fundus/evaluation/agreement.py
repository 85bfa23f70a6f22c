"""Whether measures of predicted masks can stand in for those of labels: bias, limits of agreement, intraclass correlation."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from prettytable import PrettyTable
from scipy import stats

from ..errors import DataError

FEWEST = 3  # pictures of which an agreement is told
GRADES = ((0.9, 'excellent'), (0.75, 'good'), (0.5, 'moderate'))  # from which ICC on
POOR = 'poor'  # below them
NAN = float('nan')
FIELD = 'fov_area'  # begins the names of measures that are not of vessels
OF_LABEL = ' of the label'  # ends the names of a label's measures in rows of pictures
Measures = Mapping[str, float]


class Agreement(NamedTuple):
    """Of a measure of the same pictures by two ways; ``nan`` where a value is not defined.

    Attributes:
        pictures (int): Where both have a value.
        mean (float): Of the second way.
        bias (float): Mean of first minus second.
        low, high (float): Limits of agreement, bias ± 1.96 standard deviations of the differences (Bland and Altman, Statistical methods
            for assessing agreement between two methods of clinical measurement, Lancet 327, 1986).
        icc, icc_low, icc_high (float): :func:`intraclass_correlation` and its 95 % interval.
        pearson, spearman (float): Correlations.
    """

    pictures: int
    mean: float
    bias: float = NAN
    low: float = NAN
    high: float = NAN
    icc: float = NAN
    icc_low: float = NAN
    icc_high: float = NAN
    pearson: float = NAN
    spearman: float = NAN

    @property
    def grade(self) -> str:
        """Of the ICC: excellent from .9 on, good from .75, moderate from .5, else poor (Koo and Li, J Chiropr Med 15, 2016)."""
        return '-' if np.isnan(self.icc) else next((word for least, word in GRADES if self.icc >= least), POOR)


def intraclass_correlation(values: ArrayLike) -> tuple[float, float, float]:
    """ICC(2,1): absolute agreement of single measurements, pictures and ways both drawn at random, and its 95 % interval.

    Shrout and Fleiss, Intraclass correlations, Psychological Bulletin 86, 1979; the interval of McGraw and Wong, Psychological Methods 1,
    1996, table 7.

    Args:
        values (array-like): ``(pictures, ways)``, 2 or more each, without ``nan``.

    Returns:
        tuple[float, float, float]: The coefficient and the ends of the interval; ``nan`` if all values are one.
    """
    x = np.asarray(values, float)
    n, k = x.shape
    rows, columns = x.mean(1, keepdims=True), x.mean(0, keepdims=True)
    between = k * ((rows - x.mean()) ** 2).sum() / (n - 1)
    ways = n * ((columns - x.mean()) ** 2).sum() / (k - 1)
    error = ((x - rows - columns + x.mean()) ** 2).sum() / ((n - 1) * (k - 1))
    whole = between + (k - 1) * error + k * (ways - error) / n
    if not whole > 1e-12 * (x**2).max():
        return NAN, NAN, NAN
    icc = (between - error) / whole
    if icc > 1 - 1e-9:
        return 1.0, 1.0, 1.0
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * ways + b * error) ** 2 / ((a * ways) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1)))
    lower, upper = stats.f.ppf(0.975, n - 1, freedom), stats.f.ppf(0.975, freedom, n - 1)
    rest = k * ways + (k * n - k - n) * error
    with np.errstate(divide='ignore', invalid='ignore'):  # nothing differs between pictures
        low = n * (between - lower * error) / (lower * rest + n * between)
        high = n * (upper * between - error) / (rest + n * upper * between)
    return float(icc), float(low), float(high)


def agreement(first: ArrayLike, second: ArrayLike) -> Agreement:
    """How far a measure by one way agrees with that by another.

    Args:
        first (array-like): ``(pictures,)``, of predictions; ``nan`` where there was nothing to measure.
        second (array-like): The same pictures, of labels.

    Raises:
        DataError: If the sizes differ.
    """
    a, b = np.asarray(first, float), np.asarray(second, float)
    if a.shape != b.shape or a.ndim != 1:
        raise DataError(f'a measure of {a.shape} pictures and one of {b.shape} differ in size')
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    mean = float(b.mean()) if len(b) else NAN
    if len(a) < FEWEST:
        return Agreement(len(a), mean)
    difference = a - b
    bias, spread = float(difference.mean()), 1.96 * float(difference.std(ddof=1))
    vary = np.ptp(a) > 0 and np.ptp(b) > 0
    correlations = (float(stats.pearsonr(a, b)[0]), float(stats.spearmanr(a, b)[0])) if vary else (NAN, NAN)
    return Agreement(len(a), mean, bias, bias - spread, bias + spread, *intraclass_correlation(np.stack([a, b], 1)), *correlations)


def agreement_figures(predicted: Sequence[Measures], labelled: Sequence[Measures]) -> dict[str, dict[str, Any]]:
    """:func:`agreement` of each measure of :func:`.measure_vessels`, as plain values, ``grade`` among them; without the field's area.

    Args:
        predicted, labelled (Sequence[dict]): Measures of the predictions and of the labels of the same pictures.
    """
    names = [
        name for name in next(filter(None, labelled), {}) if not name.startswith(FIELD)
    ]  # a picture without a pixel that counts has none
    found = {name: agreement(*([row.get(name, NAN) for row in rows] for rows in (predicted, labelled))) for name in names}
    return {name: {**one._asdict(), 'grade': one.grade} for name, one in found.items()}


def agreement_table(ways: Mapping[str, Mapping[str, Mapping[str, Any]]], whose: str = 'prediction') -> str:
    """A table of ``{way: figures}``, :func:`agreement_figures` of each: the ways of a measure below each other; '' without any measure."""
    title = f'measures of the {whose} and of the labels, inside the field of view'
    numbers = ('label', 'bias', 'limits of agreement', 'ICC(2,1)', '95 %', 'r', 'rho', 'agreement')
    table = PrettyTable(('measure', *(('way',) if len(ways) > 1 else ()), *numbers), title=title, align='r')
    for name in next(iter(ways.values()), {}):
        for way, measures in ways.items():
            table.add_row([name, *((way,) if len(ways) > 1 else ()), *agreement_cells(measures.get(name, {}))])
    table.align['measure'] = table.align['way'] = table.align['agreement'] = 'l'
    return table.get_string() if table.rows else ''


def agreement_cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    """Mean of the labels, bias, limits, ICC and its interval, Pearson's and Spearman's correlation and grade; a dash where not defined."""

    def cell(text: str, *names: str) -> str:
        values = [one.get(name) for name in names]
        known = all(isinstance(value, (int, float)) and np.isfinite(value) for value in values)
        return text.format(*values) if known else '-'

    return (
        *(cell('{:.4g}', 'mean'), cell('{:+.3g}', 'bias'), cell('{:+.3g} to {:+.3g}', 'low', 'high'), cell('{:.3f}', 'icc')),
        *(cell('{:.2f} to {:.2f}', 'icc_low', 'icc_high'), cell('{:.3f}', 'pearson'), cell('{:.3f}', 'spearman')),
        str(one.get('grade') or '-'),
    )


def measure_rows(record: Mapping[str, Any]) -> dict[str, float]:
    """What a picture's row has of its measures, in the prediction and in the label, and of the Dice that its probabilities promise."""
    predicted, labelled = record.get('measures') or ({}, {})
    found = {'Expected Dice': record['expected_dice']} if 'expected_dice' in record else {}
    for name in predicted:
        if not name.startswith(FIELD):
            found.update({name: predicted[name], f'{name}{OF_LABEL}': labelled[name]})
    return {name: float(value) for name, value in found.items()}


def expected_figures(expected: Sequence[float], dice: Sequence[float]) -> dict[str, float]:
    """How near the Dice that probabilities promise comes to the true one.

    Args:
        expected, dice (Sequence[float]): Of the same pictures.

    Returns:
        dict: ``pictures`` where both are defined, ``mean``, ``bias`` (expected minus true), ``error`` (root of the mean squared difference)
        and ``spearman``; ``nan`` where not defined.
    """
    a, b = np.asarray(expected, float), np.asarray(dice, float)
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    found = dict(pictures=float(len(a)), mean=NAN, bias=NAN, error=NAN, spearman=NAN)
    if len(a):
        found.update(mean=float(a.mean()), bias=float((a - b).mean()), error=float(np.sqrt(((a - b) ** 2).mean())))
    if len(a) >= FEWEST and np.ptp(a) > 0 and np.ptp(b) > 0:
        found['spearman'] = float(stats.spearmanr(a, b)[0])
    return found


def expected_line(found: Mapping[str, float | None]) -> str:
    """:func:`expected_figures` in a line; '' if there is nothing."""
    if not found.get('pictures'):
        return ''
    rank = found.get('spearman')
    ranked = '' if rank is None or np.isnan(rank) else f', rank correlation with the true one {rank:.2f}'
    told = 'Dice expected without labels: mean {mean:.4f}, bias {bias:+.4f}, error of a picture {error:.4f}'
    return told.format(**found) + ranked

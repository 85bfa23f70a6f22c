"""Whether a measure of predicted masks can stand in for that of labels: bias, limits of agreement, intraclass correlation."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ..errors import DataError

FEWEST = 3  # pictures of which an agreement is told
GRADES = ((0.9, 'excellent'), (0.75, 'good'), (0.5, 'moderate'))  # from which ICC on; below them poor
NAN = float('nan')


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
        return '-' if np.isnan(self.icc) else next((word for least, word in GRADES if self.icc >= least), 'poor')


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


def agreements(first: Sequence[Mapping[str, float]], second: Sequence[Mapping[str, float]]) -> dict[str, Agreement]:
    """:func:`agreement` of each measure of :func:`.measure_vessels`, of pictures one after the other; the field of view's area left out."""
    names = [name for name in second[0] if not name.startswith('fov_area')] if second else []
    return {name: agreement([row[name] for row in first], [row[name] for row in second]) for name in names}


def agreement_table(found: Mapping[str, Mapping[str, Agreement]]) -> str:
    """Markdown of ``{way: {measure: agreement}}``: the ways of a measure below each other."""
    lines = [
        '| measure | way | pictures | mean of the label | bias | limits of agreement | ICC(2,1) | 95 % | Pearson | Spearman | agreement |',
        '|---|---|---|---|---|---|---|---|---|---|---|',
    ]
    for name in next(iter(found.values()), {}):
        for way, measures in found.items():
            one = measures[name]
            numbers = (
                *(f'{one.mean:.4g}', f'{one.bias:+.3g}', f'{one.low:+.3g} to {one.high:+.3g}', f'{one.icc:.3f}'),
                *(f'{one.icc_low:.3f} to {one.icc_high:.3f}', f'{one.pearson:.3f}', f'{one.spearman:.3f}'),
            )
            cells = (name, way, str(one.pictures), *('-' if 'nan' in number else number for number in numbers), one.grade)
            lines.append(f'| {" | ".join(cells)} |')
    return '\n'.join(lines)

"""Two trainings side by side: their figures of the same pictures, the differences with intervals, and a plain sentence of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..errors import DataError
from .cells import cell, number
from .compare import Figures, decimals, difference
from .record import Results

FIGURES = ('Dice', 'AUC-ROC', 'Sensitivity', 'Specificity', 'clDice')
_RESAMPLES = 9999


@dataclass(frozen=True)
class Paired:
    """One figure of two trainings on the same pictures.

    Attributes:
        figure (str): Its name.
        first, second (float): Mean over pictures and seeds of each.
        mean (float): Mean difference, first minus second.
        low, high (float): Where it lies with 95 % confidence.
        better (int): Pictures on which the first is better; seeds are averaged.
        seeds, pictures (int): How many of each.
    """

    figure: str
    first: float
    second: float
    mean: float
    low: float
    high: float
    better: int
    seeds: int
    pictures: int

    @property
    def sentence(self) -> str:
        """What can be said."""
        apart = f'{decimals(self.mean)}, between {decimals(self.low)} and {decimals(self.high)}'
        if self.low <= 0 <= self.high:
            return f'{self.figure}: the two cannot be told apart ({apart}).'
        who = 'first' if self.mean > 0 else 'second'
        said = f'{self.figure}: the {who} is better ({apart}'
        if self.seeds == 1:
            return f'{said}) on pictures like these; one training each does not say whether the recipe made it so, or the seed.'
        return f'{said}; {self.seeds} trainings each).'


def compare(first: Sequence[Results], second: Sequence[Results]) -> list[Paired]:
    """Compare two recipes, each by one test or by those of several seeds, in the same order.

    One test each: the interval is a bootstrap's over the pictures (bias-corrected, 9,999 draws).  Several seeds: see
    :func:`.compare.difference`.

    Raises:
        DataError: If the tests are not of the same pictures, or not as many of each.
    """
    if len(first) != len(second):
        raise DataError(f'{len(first)} tests cannot be compared with {len(second)}; as many of each were expected')
    _check_same_pictures([*first, *second])
    found = []
    for figure in FIGURES:
        sides = [_figures(results, figure) for results in (first, second)]
        names = [name for name in sides[0][0] if all(_known(seed.get(name)) for side in sides for seed in side.values())]
        if names:
            found.append(_paired(figure, *(np.array([[side[i][name] for name in names] for i in side], float) for side in sides)))
    if not found:
        raise DataError('no picture has a figure of both; test with VesselMetric')
    return found


def _check_same_pictures(tests: Sequence[Results]) -> None:
    told = [{str(row['picture']): (test.files or {}).get(str(row['picture'])) for row in test.report.pictures} for test in tests]
    for one in told[1:]:
        if set(one) != set(told[0]):
            differ = sorted(set(one) ^ set(told[0]))
            raise DataError(f'the tests are not of the same pictures: {len(differ)} are in one alone, {differ[0]!r} is the first')
        other = [name for name, files in one.items() if files and told[0][name] and files != told[0][name]]
        if other:
            raise DataError(f'picture {other[0]} or its label is not the same in both tests; {len(other)} of {len(one)} differ')


def _figures(tests: Sequence[Results], figure: str) -> Figures:
    return {i: {str(row['picture']): row.get(figure) for row in test.report.pictures} for i, test in enumerate(tests)}


def _known(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


def _paired(figure: str, first: np.ndarray, second: np.ndarray) -> Paired:
    """From two arrays ``(seeds, pictures)``."""
    seeds, pictures = first.shape
    differences = first - second
    mean = float(differences.mean())
    if seeds > 1:
        sides = [{i: {str(n): float(value) for n, value in enumerate(row)} for i, row in enumerate(side)} for side in (first, second)]
        half = difference(sides[0], sides[1]).half or 0.0
        low, high = mean - half, mean + half
    elif pictures > 1 and np.ptp(differences) > 0:
        generator = np.random.default_rng(0)
        low, high = stats.bootstrap((differences[0],), np.mean, n_resamples=_RESAMPLES, random_state=generator).confidence_interval
    else:
        low = high = mean if pictures > 1 else float('nan')
    better = int((differences.mean(axis=0) > 0).sum())
    return Paired(figure, float(first.mean()), float(second.mean()), mean, float(low), float(high), better, seeds, pictures)


def markdown(found: Sequence[Paired], first: str, second: str) -> str:
    """A table and the sentences."""
    lines = [
        f'First: {cell(first)}; second: {cell(second)}; {found[0].pictures} pictures, {found[0].seeds} tests each.',
        '',
        '| mean over pictures | first | second | difference | 95 % | pictures on which the first is better |',
        '|---|---|---|---|---|---|',
    ]
    for one in found:
        lines.append(
            f'| {one.figure} | {number(one.first)} | {number(one.second)} | {decimals(one.mean)} | {decimals(one.low)} to '
            f'{decimals(one.high)} | {one.better} of {one.pictures} |'
        )
    return '\n'.join([*lines, '', *(f'- {one.sentence}' for one in found)])

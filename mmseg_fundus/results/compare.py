"""Whether two methods differ: paired figures over seeds and pictures, an interval for their mean difference, and one plain sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from ..errors import DataError

Figures = Mapping[int, Mapping[str, float | None]]  # of a method: seed of the training -> name of the picture -> figure


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences.

    Attributes:
        mean (float): First minus second.
        half (float | None): Half the width of the interval; ``None`` where one training each cannot tell it from noise.
        seeds, pictures (int): How many of each it is from.
    """

    mean: float
    half: float | None
    seeds: int
    pictures: int

    @property
    def verdict(self) -> str:
        """``'adds'``, ``'takes'``, ``'nothing'``, or ``'unknown'`` without an interval."""
        if self.half is None:
            return 'unknown'
        if abs(self.mean) <= self.half:
            return 'nothing'
        return 'adds' if self.mean > 0 else 'takes'

    def sentence(self, figure: str = 'Dice') -> str:
        """What can be said, as the rest of a sentence that begins with the first method."""
        value, margin = decimals(self.mean), '' if self.half is None else f' ± {decimals(self.half)}'
        return {
            'adds': f'adds {value}{margin} {figure}',
            'takes': f'takes away {decimals(-self.mean)}{margin} {figure}',
            'nothing': f'adds nothing that can be told from noise ({value}{margin} {figure})',
            'unknown': f'cannot be told from noise with one seed ({value} {figure}); take three or more',
        }[self.verdict]


def difference(first: Figures, second: Figures, level: float = 0.95) -> Difference:
    """Compare two methods of the same seeds and pictures.

    Seeds and pictures are crossed and both are samples of more: a difference is the mean, a part of the seed, a part of the picture, and
    the rest.  The variance of the mean is what a bootstrap that draws seeds and pictures anew, each with replacement, converges to (Owen,
    The pigeonhole bootstrap, 2007), ``(MS_seeds + MS_pictures) / (seeds * pictures)``, with each mean square divided by its number less
    one.  The interval has Student's quantile for as many degrees of freedom as these two leave (Satterthwaite): percentiles of three
    seeds that are drawn anew would be too narrow.  A picture that one side has no figure for is left out.

    Args:
        first, second (Figures): See :data:`Figures`.
        level (float): How often the interval holds the true difference.

    Raises:
        DataError: If they have no seed or no picture in common, or other seeds than each other.
    """
    if set(first) != set(second) or not first:
        raise DataError(f'seeds {sorted(first)} cannot be paired with {sorted(second)}; both need the same')
    return interval(_differences(first, second), level)


def _differences(first: Figures, second: Figures) -> np.ndarray[Any, Any]:
    """``(seeds, pictures)``, of the pictures that all have."""
    seeds = sorted(first)
    rows = [row for seed in seeds for row in (first[seed], second[seed])]
    names = [name for name in rows[0] if all(_known(row.get(name)) for row in rows)]
    if not names:
        raise DataError('no picture has a figure of both methods with every seed')
    return np.array([[float(first[seed][name]) - float(second[seed][name]) for name in names] for seed in seeds])  # type: ignore[arg-type]


def _known(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


def interval(differences: np.ndarray[Any, Any], level: float = 0.95) -> Difference:
    """The interval of :func:`difference` from an array ``(seeds, pictures)``; of one picture it holds for that picture alone."""
    seeds, pictures = differences.shape
    mean = float(differences.mean())
    if seeds < 2:
        return Difference(mean, None, seeds, pictures)
    of_seeds = pictures * float(differences.mean(axis=1).var(ddof=1))
    of_pictures = seeds * float(differences.mean(axis=0).var(ddof=1)) if pictures > 1 else 0.0
    total = of_seeds + of_pictures
    if total <= 1e-30:
        return Difference(mean, 0.0, seeds, pictures)
    freedom = total**2 / (of_seeds**2 / (seeds - 1) + of_pictures**2 / max(pictures - 1, 1))
    quantile = float(stats.t.ppf((1 + level) / 2, freedom))
    return Difference(mean, quantile * (total / (seeds * pictures)) ** 0.5, seeds, pictures)


def decimals(value: float) -> str:
    """A figure with its first digits, without the 0 before them: ``.012``, ``-.0008``."""
    text = f'{value:.4f}' if abs(value) < 0.00995 else f'{value:.3f}'
    return text.replace('0.', '.', 1) if text.startswith(('0.', '-0.')) else text

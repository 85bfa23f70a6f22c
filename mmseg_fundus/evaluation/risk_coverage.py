"""Whether a model knows where it is wrong: share of wrong pixels among those that it is most certain of."""

from typing import Any

import numpy as np
from scipy.special import digamma

from .curves import _rounded, _thinned
from .score_histogram import ScoreHistogram

RANKINGS = {'entropy': 'entropy', 'spread': 'spread of the members'}  # of the mean probability; of an ensemble's probabilities


def uncertainties(probability: np.ndarray, spread: np.ndarray | None) -> dict[str, np.ndarray]:
    """What pixels are ranked by, 0 (certain) to 0.5, by the names of :data:`RANKINGS`.

    Args:
        probability (np.ndarray): ``(P,)`` of vessel.  Its distance from 0 or 1, the nearer, ranks as its entropy does.
        spread (np.ndarray, optional): ``(P,)``, standard deviation over the members of an ensemble.
    """
    probability = np.asarray(probability, np.float32)
    found = {'entropy': np.minimum(probability, np.float32(1) - probability)}
    return found if spread is None else {**found, 'spread': np.minimum(spread, np.float32(0.5))}


def risk_coverage(histogram: ScoreHistogram) -> dict[str, Any] | None:
    """The risk-coverage curve of pixels: the share of wrong ones (risk) among the most certain ones (coverage, their share of all).

    El-Yaniv and Wiener, On the foundations of noise-free selective classification, JMLR 2010.  Its area (AURC) is the mean risk over all
    coverages: Geifman and El-Yaniv, Selective classification for deep neural networks, NeurIPS 2017.  Equally uncertain pixels (of one
    bin) are taken in random order: the area is the expected one.

    Args:
        histogram (ScoreHistogram): Of pixels by uncertainty, 0 to 0.5; those of the first row right, those of the second wrong.

    Returns:
        dict, optional: ``coverage`` and ``risk``, about 200 points; ``area``; beside it ``chance``, that of a ranking that says nothing,
        which is the share of wrong pixels, and ``best``, that of one which has all wrong pixels last.  ``None`` without pixels.

    Example:
        >>> histogram = ScoreHistogram()
        >>> histogram.add(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, False]))  # wrong?
        >>> risk_coverage(histogram)['area']  # (0 + 0 + 1/3 + 1/4) / 4
        0.145833
    """
    _, right, wrong = (values[::-1] for values in histogram.filled())
    if not len(right):
        return None
    pixels = right + wrong
    seen, errors = np.cumsum(pixels), np.cumsum(wrong)
    total, all_wrong = seen[-1], errors[-1]
    # of a bin of m pixels and e errors behind N and E of them: sum over k = 1 ... m of (E + e k / m) / (N + k)
    share = wrong / pixels
    inside = pixels * share + (errors - wrong - share * (seen - pixels)) * (digamma(seen + 1) - digamma(seen - pixels + 1))
    all_right = total - all_wrong
    best = all_wrong - all_right * (digamma(total + 1) - digamma(all_right + 1))
    shown = _thinned(seen / total)
    area, chance, least = _rounded([inside.sum() / total, all_wrong / total, best / total])
    return {
        'coverage': _rounded(seen[shown] / total),
        'risk': _rounded(errors[shown] / seen[shown]),
        'area': area,
        'chance': chance,
        'best': least,
    }


def risk_line(curves: dict[str, dict[str, Any]]) -> str:
    """The areas in a line; '' if there are none."""
    if not curves:
        return ''
    one = next(iter(curves.values()))
    areas = ', '.join(f'{found["area"]:.4f} by {RANKINGS[name]}' for name, found in curves.items())
    return f'risk-coverage, area: {areas} (chance {one["chance"]:.4f}, best possible {one["best"]:.4f})'

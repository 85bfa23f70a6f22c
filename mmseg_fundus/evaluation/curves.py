"""ROC and precision-recall curves and the calibration of a score histogram, thinned to what a page can show."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .recalibration import CALIBRATION_BINS, expected_error, in_bins, log_odds_counts
from .score_histogram import ScoreHistogram

POINTS = 200  # of a thinned curve, about


def curves(histogram: ScoreHistogram) -> dict[str, dict[str, Any]] | None:
    """What ``results.json`` keeps of the scores of all pixels.

    Args:
        histogram (ScoreHistogram): Of all pictures.

    Returns:
        dict, optional: ``roc`` (``fpr``, ``tpr``), ``pr`` (``recall``, ``precision``) and ``calibration``, see :func:`calibration`;
        lists of numbers with six decimals; ``log_odds``, see :func:`.recalibration.log_odds_counts`.  ``None`` unless there are vessels
        and background.
    """
    if not histogram.counts.any(axis=1).all():
        return None
    _, negative, positive = histogram.filled()
    false, true = np.cumsum(negative), np.cumsum(positive)
    fpr, tpr, precision = false / false[-1], true / true[-1], true / (true + false)
    roc = _thinned(fpr + tpr)
    pr = _thinned(tpr)
    return {
        'roc': {'fpr': _rounded([0, *fpr[roc]]), 'tpr': _rounded([0, *tpr[roc]])},
        'pr': {'recall': _rounded(tpr[pr]), 'precision': _rounded(precision[pr])},
        'calibration': calibration(histogram),
        'log_odds': log_odds_counts(histogram),
    }


def calibration(histogram: ScoreHistogram, bins: int = CALIBRATION_BINS) -> dict[str, Any]:
    """How often pixels of a given vessel probability are vessel.

    Guo et al., On calibration of modern neural networks, ICML 2017, equations 2 to 5, with the probability of the vessel class in place of
    the confidence in the predicted one.

    Args:
        histogram (ScoreHistogram): Not empty.
        bins (int): Of equal width, from 0 to 1; those without pixels are left out.

    Returns:
        dict: ``probability`` (mean), ``vessels`` (their share) and ``pixels`` of each bin, and ``error``, the expected calibration error:
        the mean distance of the first two, weighted by pixels.

    Example:
        >>> histogram = ScoreHistogram()
        >>> histogram.add(np.array([0.25, 0.25, 0.75, 0.75]), np.array([False, False, True, False]))
        >>> calibration(histogram, bins=2)['error']  # (0.25 - 0) / 2 + (0.75 - 0.5) / 2
        0.25
    """
    probability, vessels, pixels = found = in_bins(*histogram.filled(), bins)
    return {
        'probability': _rounded(probability),
        'vessels': _rounded(vessels),
        'pixels': pixels.astype(int).tolist(),
        'error': round(expected_error(*found), 6),
    }


def _thinned(along: np.ndarray) -> np.ndarray:
    """Indices of a curve's points where ``along``, which rises, first reaches each of evenly spaced values; its first and last."""
    reached = np.searchsorted(along, np.linspace(along[0], along[-1], POINTS))
    return np.unique([0, *reached, len(along) - 1])


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 6) for value in values]

"""Probabilities that mean what they say: a scale and a shift of the log odds, fitted on pictures that the network was not trained on.

Platt, Probabilistic outputs for support vector machines, 1999; Guo et al., On calibration of modern neural networks, ICML 2017 (the scale
is one over their temperature).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from ..errors import DataError
from .score_histogram import ScoreHistogram

FIRST, STEP, BINS = -16.0, 0.0625, 513  # log odds of vessel: the middle of the first bin, the distance of two, how many there are
CALIBRATION_BINS = 10


def log_odds_counts(histogram: ScoreHistogram) -> dict[str, Any]:
    """Pixels by the log odds of vessel that they were given: what a calibration is fitted on.

    Args:
        histogram (ScoreHistogram): Of all scores.

    Returns:
        dict: ``first`` and ``step``, the middles of the bins, the last ones open; ``background`` and ``vessels``, pixels of each bin.
    """
    score, negative, positive = histogram.filled()
    with np.errstate(divide='ignore'):
        odds = np.clip(logit(score), FIRST, FIRST + STEP * (BINS - 1))
    place = np.round((odds - FIRST) / STEP).astype(int)
    counts = (np.bincount(place, kind, BINS).astype(int).tolist() for kind in (negative, positive))
    return {'first': FIRST, 'step': STEP, **dict(zip(('background', 'vessels'), counts))}


@dataclass(frozen=True)
class Recalibration:
    """What makes log odds ``d`` of vessel into ``scale * d + shift``, and the threshold that goes with it.

    Attributes:
        scale, shift (float): Of log odds.
        threshold (float): Of the new probabilities; that with the highest mean Dice over the data sets.
        dice (float): That Dice.
        error_before, error_after (float): Mean expected calibration error over the data sets, see :func:`.curves.calibration`.
    """

    scale: float
    shift: float
    threshold: float
    dice: float
    error_before: float
    error_after: float


def recalibrate(counts: Sequence[Mapping[str, Any]]) -> Recalibration:
    """Fit a calibration; every data set counts alike, however many pixels it has.

    Args:
        counts (Sequence[dict]): Of :func:`log_odds_counts`, one of each data set.

    Raises:
        DataError: If there is none, or one has no vessels or no background.
    """
    if not counts:
        raise DataError('no scores to fit a calibration on')
    odds, shares = [], []
    for one in counts:
        background, vessels = (np.asarray(one[name], float) for name in ('background', 'vessels'))
        if not background.sum() or not vessels.sum():
            raise DataError('scores to fit a calibration on need pixels that are vessel and pixels that are not')
        odds.append(one['first'] + one['step'] * np.arange(len(vessels)))
        shares.append(np.stack([background, vessels]) / (background.sum() + vessels.sum()))

    def loss(parameters: np.ndarray) -> float:
        """Negative log likelihood."""
        scaled = [np.exp(parameters[0]) * odd + parameters[1] for odd in odds]
        return float(sum((share[0] * np.logaddexp(0, odd) + share[1] * np.logaddexp(0, -odd)).sum() for odd, share in zip(scaled, shares)))

    exponent, shift = minimize(loss, np.zeros(2), method='BFGS').x
    scale = float(np.exp(exponent))
    new = [expit(scale * odd + shift) for odd in odds]
    thresholds = np.arange(1, 100) / 100
    dice = np.mean([[_dice(probability, share, threshold) for threshold in thresholds] for probability, share in zip(new, shares)], axis=0)
    best = int(dice.argmax())
    errors = [
        np.mean([expected_error(*in_bins(p, share[0], share[1], CALIBRATION_BINS)) for p, share in zip(scores, shares)])
        for scores in ([expit(odd) for odd in odds], new)
    ]
    return Recalibration(scale, float(shift), float(thresholds[best]), float(dice[best]), float(errors[0]), float(errors[1]))


def _dice(probability: np.ndarray, share: np.ndarray, threshold: float) -> float:
    background, vessels = share[:, probability > threshold].sum(axis=1)
    return float(2 * vessels / (background + vessels + share[1].sum()))


def in_bins(score: np.ndarray, background: np.ndarray, vessels: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, share of vessels, and pixels, of those of ``bins`` bins of equal width that hold pixels.

    Args:
        score (np.ndarray): ``(S,)``, probabilities of vessel.
        background, vessels (np.ndarray): ``(S,)``, pixels with each of them.
        bins (int): From 0 to 1.
    """
    place = np.minimum((score * bins).astype(int), bins - 1)
    pixels = np.bincount(place, background + vessels, bins)
    used = pixels > 0
    probability = np.bincount(place, score * (background + vessels), bins)[used] / pixels[used]
    return probability, np.bincount(place, vessels, bins)[used] / pixels[used], pixels[used]


def expected_error(probability: np.ndarray, vessels: np.ndarray, pixels: np.ndarray) -> float:
    """The expected calibration error of bins as :func:`in_bins` has them: the mean distance of the first two, weighted by pixels."""
    return float((np.abs(probability - vessels) * pixels).sum() / pixels.sum())

"""Areas under the ROC and precision-recall curves of any number of pixels, from counts in a million fixed bins."""

import numpy as np

_OCTAVE = 13  # bits: 8192 bins to each halving of the probability, or of its distance from 1
_LOW = 126 << _OCTAVE  # bins of 0 to 0.5: every normal float32
_HIGH = 24 << _OCTAVE  # bins of 0.5 to 1: float32 has no more there
BINS = _LOW + 1 + _HIGH


def score_bins(probability: np.ndarray) -> np.ndarray:
    """Bin of each probability (float32, 0 to 1): rising with it, finest towards 0 and 1, where confident scores crowd.

    The leading bits of a float32, read as an integer, count bins of equal relative width.  Above 0.5 those of ``1 - probability``,
    which is exact there, count from the other end.

    Returns:
        np.ndarray: int32, 0 to ``BINS - 1``; 0.5 alone has bin ``_LOW``.
    """
    probability = np.ascontiguousarray(probability, dtype=np.float32)
    place = np.minimum(probability, np.float32(1) - probability).view(np.int32) >> (23 - _OCTAVE)
    return np.where(probability <= 0.5, place, _LOW + _HIGH - np.maximum(place - (_LOW - _HIGH), 0))


def bin_scores(bins: np.ndarray) -> np.ndarray:
    """The probability that each bin of :func:`score_bins` stands for: its middle; 0, 0.5 and 1 exactly.

    Returns:
        np.ndarray: float64.
    """
    bins = np.asarray(bins)
    place = np.where(bins <= _LOW, bins, 2 * _LOW - bins)
    edges = [(place + step).astype(np.int32) << (23 - _OCTAVE) for step in (0, 1)]
    middle = sum(edge.view(np.float32).astype(float) for edge in edges) / 2
    middle = np.where(bins == 0, 0, np.where(bins == _LOW, 0.5, middle))
    return np.where(bins <= _LOW, middle, np.where(bins == BINS - 1, 1, 1 - middle))


class ScoreHistogram:
    """Counts of vessel and background pixels by score: what is left of the pictures, however many they are.

    Figures from it are those of the scores rounded to their bins.  Pixels of both kinds in one bin are what may be in the wrong
    order; how far that can move a figure is stated beside it, some 1e-5 for a model's scores.  Values that never share a bin, such as
    those of 8-bit maps, give the figure of scikit-learn exactly.

    Attributes:
        counts (np.ndarray): ``(2, BINS)`` int64, background and vessel.
    """

    def __init__(self) -> None:
        self.counts = np.zeros((2, BINS), np.int64)

    def __iadd__(self, other: 'ScoreHistogram') -> 'ScoreHistogram':
        self.counts += other.counts
        return self

    def add(self, probability: np.ndarray, vessel: np.ndarray) -> None:
        """Count pixels.

        Args:
            probability (np.ndarray): ``(P,)``, 0 to 1.
            vessel (np.ndarray): ``(P,)`` bool.
        """
        bins = score_bins(probability)
        positive = np.bincount(bins[vessel], minlength=BINS)
        self.counts += np.stack([np.bincount(bins, minlength=BINS) - positive, positive])

    def filled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores, background and vessel counts of the bins that hold any, highest score first."""
        used = np.flatnonzero(self.counts.any(axis=0))[::-1]
        return bin_scores(used), self.counts[0, used].astype(float), self.counts[1, used].astype(float)

    def auc_roc(self) -> tuple[float, float]:
        """Area under the ROC curve (trapezoids, as scikit-learn) and its error bound; ``nan`` if there is only one class."""
        _, negative, positive = self.filled()
        if not negative.sum() or not positive.sum():
            return float('nan'), float('nan')
        before = np.cumsum(positive) - positive
        pairs = negative.sum() * positive.sum()
        return float((negative * (before + positive / 2)).sum() / pairs), float((negative * positive).sum() / 2 / pairs)

    def average_precision(self) -> tuple[float, float]:
        """Area under the precision-recall curve (average precision, as scikit-learn) and its error bound; ``nan`` without a vessel.

        The bound comes from all of a bin's vessels before, or behind, its background.
        """
        _, negative, positive = self.filled()
        if not positive.sum():
            return float('nan'), float('nan')
        held = positive > 0
        true, false = np.cumsum(positive)[held], np.cumsum(negative)[held]
        positive, negative = positive[held], negative[held]
        share = positive / positive.sum()
        value = (share * true / (true + false)).sum()
        best = (share * true / (true + false - negative)).sum()
        first = true - positive + 1  # a bin's first vessel, behind all of its background: the lowest precision in it
        worst = (share * first / (first + false)).sum()
        return float(value), float(max(best - value, value - worst))

    def dice_by_threshold(self, thresholds: np.ndarray) -> np.ndarray:
        """Dice of ``score > threshold`` for each threshold, to the width of a bin."""
        above = np.concatenate([np.cumsum(self.counts[:, ::-1], axis=1)[:, ::-1], np.zeros((2, 1), np.int64)], axis=1)
        false, true = above[:, score_bins(np.asarray(thresholds)) + 1]
        return 2 * true / np.maximum(true + false + self.counts[1].sum(), 1)

"""Figures of a binary segmentation from its four counts; plain functions, no runner needed."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..classes import BACKGROUND, IGNORE, VESSEL
from ..errors import DataError


def confusion_counts(prediction: ArrayLike, label: ArrayLike, ignore_index: int = IGNORE) -> np.ndarray:
    """Count true positives, false positives, false negatives and true negatives of the vessel class.

    Args:
        prediction (array-like): ``(H, W)``, 1 (or True) vessel, 0 background.
        label (array-like): ``(H, W)``, 0, 1, or ``ignore_index`` where nothing counts (outside the field of view).
        ignore_index (int): That label.

    Returns:
        np.ndarray: int64 ``[tp, fp, fn, tn]``; counts of several pictures are added, never averaged.

    Raises:
        DataError: If the shapes differ or the label holds other values.

    Example:
        >>> confusion_counts([[1, 1, 0, 0, 1]], [[1, 0, 1, 0, 255]])
        array([1, 1, 1, 1])
    """
    prediction, label = np.asarray(prediction), np.asarray(label)
    if prediction.shape != label.shape:
        raise DataError(f'prediction {prediction.shape} and label {label.shape} differ in size')
    by_label = np.bincount(label.ravel(), minlength=ignore_index + 1)
    if by_label.sum() != by_label[[BACKGROUND, VESSEL, ignore_index]].sum():
        raise DataError(f'labels must be 0, 1 or {ignore_index}, found {np.unique(label)[:6].tolist()}')
    hits = np.bincount(label[prediction.astype(bool)].ravel(), minlength=ignore_index + 1)
    tp, fp = hits[VESSEL], hits[BACKGROUND]
    return np.array([tp, fp, by_label[VESSEL] - tp, by_label[BACKGROUND] - fp], dtype=np.int64)


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator) / float(denominator) if denominator else float('nan')


def binary_figures(counts: Sequence[int] | np.ndarray) -> dict[str, float]:
    """The usual figures from ``[tp, fp, fn, tn]``, each in [0, 1] but MCC; ``nan`` where a denominator is 0.

    ============  =================================
    Dice          2 tp / (2 tp + fp + fn), equal to F1
    IoU           tp / (tp + fp + fn)
    Accuracy      (tp + tn) / all
    Sensitivity   tp / (tp + fn), equal to recall
    Specificity   tn / (tn + fp)
    Precision     tp / (tp + fp)
    MCC           Matthews' correlation coefficient, in [-1, 1]
    ============  =================================

    A prediction without any vessel scores Dice 0 wherever the label has one.
    """
    tp, fp, fn, tn = (int(value) for value in counts)
    return {
        'Dice': _ratio(2 * tp, 2 * tp + fp + fn),
        'IoU': _ratio(tp, tp + fp + fn),
        'Accuracy': _ratio(tp + tn, tp + fp + fn + tn),
        'Sensitivity': _ratio(tp, tp + fn),
        'Specificity': _ratio(tn, tn + fp),
        'Precision': _ratio(tp, tp + fp),
        'MCC': _ratio(tp * tn - fp * fn, math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
    }

from collections.abc import Sequence

import numpy as np
from skimage.morphology import skeletonize


def centerline_counts(prediction: np.ndarray, label: np.ndarray, line: np.ndarray | None = None) -> np.ndarray:
    """Counts that clDice is made from; those of several pictures are added.

    Args:
        prediction, label (np.ndarray): ``(H, W)`` bool.
        line (np.ndarray, optional): The label's skeleton, if it is there already.

    Returns:
        np.ndarray: int64 ``[predicted skeleton inside the label, predicted skeleton, label's skeleton inside the prediction, label's
        skeleton]``, in pixels; skeletons by scikit-image's ``skeletonize``.
    """
    found, wanted = skeletonize(prediction), skeletonize(label) if line is None else line
    return np.array([(found & label).sum(), found.sum(), (wanted & prediction).sum(), wanted.sum()], np.int64)


def cldice(counts: Sequence[int] | np.ndarray) -> float:
    """Centerline Dice, the harmonic mean of topology precision and topology sensitivity, in [0, 1].

    Shit et al., clDice - a novel topology-preserving loss function for tubular structure segmentation, CVPR 2021, equations 1 and 2.

    Args:
        counts (array-like): Of :func:`centerline_counts`.

    Returns:
        float: 0 if one side has a skeleton and the other none, ``nan`` if neither has.
    """
    hit, found, covered, wanted = (float(value) for value in counts)
    if not found and not wanted:
        return float('nan')
    precision, sensitivity = (part / whole if whole else 0.0 for part, whole in ((hit, found), (covered, wanted)))
    return 2 * precision * sensitivity / (precision + sensitivity) if precision + sensitivity else 0.0

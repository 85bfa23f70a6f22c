"""Whether vessels of each width are found and hang together, which Dice, an area, hides."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from skimage.measure import euler_number
from skimage.measure import label as components
from skimage.morphology import skeletonize

from ..measurement.inputs import equivalent_diameter

WIDTHS = {'thin': (0.0, 0.005), 'medium': (0.005, 0.01), 'wide': (0.01, float('inf'))}  # in diameters of the field of view; from, below


def topology_counts(prediction: np.ndarray, label: np.ndarray, valid: np.ndarray, line: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Counts that :func:`topology` is made from; those of several pictures are added.

    A vessel is as wide as the largest disc in the label around its centreline (scikit-image's ``skeletonize``): twice the distance to the
    nearest background pixel, less one.  Widths are compared with the diameter of a circle of the area of ``valid``.

    Args:
        prediction, label (np.ndarray): ``(H, W)`` bool.
        valid (np.ndarray): ``(H, W)`` bool, the field of view.
        line (np.ndarray, optional): The skeleton of the label in it, if it is there already.

    Returns:
        dict: ``widths`` int64 ``(3, 2)``: of each of :data:`WIDTHS` pixels of the label's centrelines inside the prediction, and all;
        ``betti`` int64 ``(2,)``: by how many connected parts, and loops, the prediction has more or fewer than the label.
    """
    prediction, label = prediction & valid, label & valid
    line = skeletonize(label) if line is None else line
    framed = np.pad(label, 1).astype(np.uint8)  # a vessel ends at the frame
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    width = (2 * distance[line] - 1) / max(equivalent_diameter(valid.sum()), 1)
    found = prediction[line]
    binned = [(low <= width) & (width < high) for low, high in WIDTHS.values()]
    widths = np.array([(found[one].sum(), one.sum()) for one in binned], np.int64)
    return dict(widths=widths, betti=np.abs(np.subtract(betti(prediction), betti(label))))


def betti(mask: np.ndarray) -> tuple[int, int]:
    """Connected parts of ``(H, W)`` bool, and its loops: the Betti numbers 0 and 1; pixels that touch at a corner are connected."""
    parts = int(components(mask, connectivity=2, return_num=True)[1])
    return parts, parts - int(euler_number(mask, connectivity=2))


def topology(counts: Sequence[dict[str, np.ndarray]]) -> dict[str, float]:
    """Recall of centrelines by width, and errors of topology, of one picture or several.

    Returns:
        dict: ``Recall thin``, ``medium``, ``wide``: share of the label's centrelines inside the prediction, pooled, ``nan`` without any;
        ``Share thin`` ...: share of all centrelines that are of that width; ``Betti 0 error``, ``Betti 1 error``: mean absolute
        difference of the number of connected parts, and of loops, in a picture (Hu et al., Topology-preserving deep image segmentation,
        NeurIPS 2019).
    """
    widths, errors = (np.sum([one[key] for one in counts], axis=0) for key in ('widths', 'betti'))
    total = widths[:, 1].sum()
    found: dict[str, Any] = {f'Recall {name}': hit / all_ if all_ else np.nan for name, (hit, all_) in zip(WIDTHS, widths)}
    found.update({f'Share {name}': all_ / total if total else np.nan for name, (_, all_) in zip(WIDTHS, widths)})
    found.update({f'Betti {i} error': errors[i] / len(counts) for i in range(2)})
    return {name: float(value) for name, value in found.items()}


def topology_line(found: dict[str, float]) -> str:
    """:func:`topology` in a line; '' if there is nothing."""
    if not found:
        return ''
    recalls = ', '.join(f'{name} {found[f"Recall {name}"]:.4f} (of {found[f"Share {name}"]:.0%})' for name in WIDTHS)
    errors = ', '.join(f'{words} {found[f"Betti {i} error"]:.1f}' for i, words in enumerate(('connected parts', 'loops')))
    return f'recall of centrelines by width: {recalls}; mean error of the number of {errors}'

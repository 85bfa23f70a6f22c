from itertools import product

import numpy as np


def fractal_dimensions(points: np.ndarray) -> tuple[float, float, float]:
    """Box-counting, information and correlation dimension: how a shape fills boxes as they shrink.

    The square around the points is divided in 4, 6, 8, 12, 16, 24, ... boxes a side, down to boxes of 2 pixels.  The dimensions D0, D1, D2
    are slopes over log(boxes a side), by least squares, of the logarithm of the number of boxes with a point; of the entropy of the
    points' shares in boxes; and of minus the logarithm of the sum of these shares' squares (Rényi's generalised dimensions; Hentschel and
    Procaccia, Physica D 8, 1983).  No box hangs over the edge of the shape, which would bias the slope of small ones.

    Args:
        points (np.ndarray): ``(P, 2)`` centres of pixels or points of lines no more than a pixel apart, in pixels.

    Returns:
        tuple[float, float, float]: 0 to 2, D0 >= D1 >= D2 but for the error of the fits; ``nan`` for a shape less than 32 pixels long and
        high.
    """
    nothing = (float('nan'),) * 3
    if not len(points):
        return nothing
    low, high = points.min(0), points.max(0)
    side = (high - low).max() + 1
    if side < 32:
        return nothing
    centred = points + (side - low - high) / 2
    divisions = sorted(size for k in range(2, 32) for size in (2**k, 3 * 2 ** (k - 1)) if 2 * size <= side)
    found = [
        np.min([_filling(centred * (division / side) + shift, division) for shift in product((0, 0.5), repeat=2)], axis=0)
        for division in divisions
    ]
    return tuple(np.polyfit(np.log(divisions), np.array(found), 1)[0].tolist())


def _filling(points: np.ndarray, division: int) -> tuple[float, float, float]:
    """Of boxes of side 1: logarithm of how many hold a point; entropy of the shares of points; minus logarithm of these squared, summed."""
    row, column = points.astype(int).T
    points_in = np.bincount(row * (division + 1) + column)
    share = points_in[points_in > 0] / len(points)
    return float(np.log(len(share))), float(-(share * np.log(share)).sum()), float(-np.log((share**2).sum()))

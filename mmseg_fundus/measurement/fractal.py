from itertools import product

import numpy as np


def fractal_dimension(points: np.ndarray) -> float:
    """Box-counting dimension: how the number of boxes that hold a point grows as they shrink.

    The square around the points is divided in 4, 6, 8, 12, 16, 24, ... boxes a side, down to boxes of 2 pixels; the dimension is the slope
    of log(boxes with a point) over log(boxes a side), by least squares (Falconer, Fractal Geometry, section on box-counting dimensions).
    No box hangs over the edge of the shape, which would bias the slope of small ones.

    Args:
        points (np.ndarray): ``(P, 2)`` centres of pixels or points of lines no more than a pixel apart, in pixels.

    Returns:
        float: 0 to 2; ``nan`` for a shape less than 32 pixels long and high.
    """
    if not len(points):
        return float('nan')
    low, high = points.min(0), points.max(0)
    side = (high - low).max() + 1
    if side < 32:
        return float('nan')
    centred = points + (side - low - high) / 2
    divisions = sorted(size for k in range(2, 32) for size in (2**k, 3 * 2 ** (k - 1)) if 2 * size <= side)
    fewest = [min(_boxes(centred * (division / side) + shift, division) for shift in product((0, 0.5), repeat=2)) for division in divisions]
    return float(np.polyfit(np.log(divisions), np.log(fewest), 1)[0])


def _boxes(points: np.ndarray, division: int) -> int:
    """How many boxes of side 1 hold a point."""
    boxes = np.zeros((division + 1, division + 1), bool)
    boxes[tuple(points.astype(int).T)] = True
    return int(boxes.sum())

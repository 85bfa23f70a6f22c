import numpy as np


def box_around(mask) -> tuple:
    """Rows and columns (two slices) of the smallest box around a mask ``(H, W)``, array or tensor; everything if it is empty."""
    mask = np.asarray(mask)
    inside = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    return tuple(slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(None) for found in inside)

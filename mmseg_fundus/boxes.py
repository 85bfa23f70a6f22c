import numpy as np


def box_around(mask) -> tuple:
    """Rows and columns (two slices) of the smallest box around a mask ``(H, W)``, array or tensor; everything if it is empty."""
    mask = np.asarray(mask)
    inside = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    return tuple(slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(None) for found in inside)


def fov_scale(mask, diameter) -> float:
    """The factor that makes a field of view ``diameter`` pixels across, so that pictures of all cameras look alike in size.

    Args:
        mask (ndarray | Tensor): Field of view ``(H, W)``; "across" is the longer side of the box around it.
        diameter (float, optional): ``None`` for no scaling.

    Returns:
        float: Exactly 1 where it would be within 3 % of that: resampling would cost more than it gives.
    """
    if diameter is None:
        return 1.0
    rows, columns = box_around(mask)
    across = max((box.stop - box.start) if box.stop else side for box, side in zip((rows, columns), mask.shape))
    return 1.0 if abs(diameter / across - 1) < 0.03 else diameter / across

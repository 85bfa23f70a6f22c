import numpy as np


def box_around(mask) -> tuple:
    """Rows and columns (two slices) of the smallest box around a mask ``(H, W)``, array or tensor; everything if it is empty."""
    mask = np.asarray(mask)
    inside = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    return tuple(slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(None) for found in inside)


def fov_scale(mask, pixels_per_degree, field_angle: float = 45.0) -> float:
    """The factor that gives a picture that many pixels to a degree of the eye, so that vessels are as wide with every camera.

    Args:
        mask (ndarray | Tensor): Field of view ``(H, W)``; the longer side of the box around it shows ``field_angle``.
        pixels_per_degree (float, optional): ``None`` for no scaling.
        field_angle (float): Degrees.

    Returns:
        float: Exactly 1 where it would be within 3 % of that: resampling would cost more than it gives.
    """
    if pixels_per_degree is None:
        return 1.0
    rows, columns = box_around(mask)
    across = max((box.stop - box.start) if box.stop else side for box, side in zip((rows, columns), mask.shape))
    factor = pixels_per_degree * field_angle / across
    return 1.0 if abs(factor - 1) < 0.03 else factor

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from ..errors import ConfigError, DataError


def check_mask(values: ArrayLike, name: str) -> np.ndarray:
    """``(H, W)`` bool of an array of False and True, 0 and 1, or 0 and 255, of any number type.

    Raises:
        DataError: If it is something else; ``name`` says which array.
    """
    values = np.asarray(values)
    if values.ndim != 2 or not values.size:
        raise DataError(f'{name}: found an array of shape {values.shape}, expected (H, W)')
    if values.dtype == bool:
        return values
    if values.dtype.kind not in 'iuf':
        raise DataError(f'{name}: found values of type {values.dtype}, expected 0 and 1 or 0 and 255')
    found = np.unique(values)
    if found.tolist() not in ([0], [1], [255], [0, 1], [0, 255]):
        listed = ', '.join(f'{value:g}' for value in found[:5]) + (' ...' if len(found) > 5 else '')
        raise DataError(f'{name}: found the values {listed}; expected 0 and 1 or 0 and 255, threshold probabilities first')
    return values != 0


def check_scale(scale: Any, name: str) -> float:
    """A positive number; ``name`` says of what.

    Raises:
        ConfigError: If it is something else.
    """
    if isinstance(scale, bool) or not isinstance(scale, numbers.Real) or not math.isfinite(scale) or scale <= 0:
        raise ConfigError(f'{name}: found {scale!r}, expected a number above 0')
    return float(scale)


def check_view(fov: ArrayLike | None, shape: tuple[int, ...], name: str) -> np.ndarray:
    """``(H, W)`` bool field of view of what has that shape, everything by default; ``name`` says of what.

    Raises:
        DataError: If it has another shape or other values, or is empty.
    """
    view = np.ones(shape, bool) if fov is None else check_mask(fov, 'field of view')
    if view.shape != shape:
        raise DataError(f'{name} {shape} and field of view {view.shape} differ in size')
    if not view.any():
        raise DataError('the field of view is empty')
    return view


def vessel_in_view(
    mask: ArrayLike, fov: ArrayLike | None, micrometres_per_pixel: float | None, degrees_per_pixel: float | None = None
) -> tuple[np.ndarray, np.ndarray, str, float]:
    """What is measured: ``(H, W)`` bool vessels inside the field of view, the field of view, and the unit (``px``, ``um``, ``deg``) and how
    many of it a pixel is.

    Raises:
        DataError: If an array has another shape or other values, or the field of view is empty.
        ConfigError: If a scale is not a number above 0, or both are given.
    """
    given = {'um': ('micrometres_per_pixel', micrometres_per_pixel), 'deg': ('degrees_per_pixel', degrees_per_pixel)}
    scales = {unit: check_scale(value, name) for unit, (name, value) in given.items() if value is not None}
    if len(scales) > 1:
        raise ConfigError('micrometres_per_pixel and degrees_per_pixel are both given; lengths have one unit')
    unit, scale = next(iter(scales.items()), ('px', 1.0))
    vessel = check_mask(mask, 'mask')
    view = check_view(fov, vessel.shape, 'mask')
    return vessel & view, view, unit, scale


def cropped(vessel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of a mask that holds vessels, with background all around, and where its first pixel lies in the mask, row and column."""
    if not vessel.any():
        return np.zeros((3, 3), bool), np.zeros(2, int)
    box = ndimage.find_objects(vessel.astype(np.uint8))[0]
    return np.pad(vessel[box], 1), np.array([side.start - 1 for side in box])


def equivalent_diameter(pixels: float) -> float:
    """Diameter of the circle of an area, of a field of view cut at the frame too."""
    return 2 * math.sqrt(float(pixels) / math.pi)

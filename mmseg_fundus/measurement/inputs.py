import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

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


def check_scale(scale: Any) -> float:
    """A positive number.

    Raises:
        ConfigError: If it is something else.
    """
    if isinstance(scale, bool) or not isinstance(scale, numbers.Real) or not math.isfinite(scale) or scale <= 0:
        raise ConfigError(f'micrometres_per_pixel: found {scale!r}, expected a number above 0')
    return float(scale)

"""Values as JSON can hold them."""

import math
from typing import Any

import numpy as np
import torch


def without_nan(value: Any) -> Any:
    """``value`` as JSON can hold it: numpy's and torch's numbers and arrays are plain ones, figures that are not defined ``None``."""
    if isinstance(value, dict):
        return {str(key): without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [without_nan(item) for item in value]
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return without_nan(value.float().numpy() if value.dtype == torch.bfloat16 else value.numpy())
    if isinstance(value, np.ndarray):
        return without_nan(value.item() if value.size == 1 else value.tolist())
    if isinstance(value, np.floating):
        value = float(str(value))  # of a float32 98.2, not 98.19999694824219
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)

"""Finding labels and field-of-view masks whose black and white are exchanged."""

from pathlib import Path

import cv2
import numpy as np

from ..classes import BACKGROUND, IGNORE, VESSEL
from ..errors import DataError
from .fov import find_fov

_RIM = 0.95  # share of the frame below which a field of view leaves dark surroundings to be seen


def vessel_share(label: np.ndarray, fov: np.ndarray) -> float:
    """Share of vessel among the pixels ``(H, W)`` of a field of view that count; 0 without any."""
    counted = (label != IGNORE) & (fov > 0)
    return np.count_nonzero((label == VESSEL) & counted) / max(int(np.count_nonzero(counted)), 1)


def check_label(label: np.ndarray, picture: np.ndarray, fov: np.ndarray, path: str | Path) -> float:
    """Refuse a label in which the retina is vessel and the vessels are background.

    It is one if vessels take more than half of the field of view, and are brighter than the rest or the whole eye is shown.  A label
    that is all vessel, as of a small cut, is none.

    Args:
        label (np.ndarray): ``(H, W)``, 0, 1, 255 ignored.
        picture (np.ndarray): ``(h, w, 3)`` uint8, any channel order.
        fov (np.ndarray): ``(H, W)``.
        path (str | Path): Of the label.

    Returns:
        float: See :func:`vessel_share`.

    Raises:
        DataError: Naming the label.
    """
    share = vessel_share(label, fov)
    if not 0.5 < share < 1:
        return share
    green = cv2.resize(picture[..., 1], label.shape[::-1], interpolation=cv2.INTER_AREA)
    inside = fov > 0
    brighter = green[(label == VESSEL) & inside].mean() > green[(label == BACKGROUND) & inside].mean() + 1
    if brighter or np.mean(inside) < _RIM:
        raise DataError(
            f'{path}: {share:.0%} of the field of view is vessel, which is more than an eye has: black and white seem exchanged. Vessels '
            'are white (or 1) on black (or 0): invert the file'
        )
    return share


def check_fov(mask: np.ndarray, picture: np.ndarray, path: str | Path) -> np.ndarray:
    """``mask``, unless the eye that its picture shows lies in its black part.

    Args:
        mask (np.ndarray): ``(H, W)`` of 0 and 1.
        picture (np.ndarray): ``(h, w, 3)`` uint8.
        path (str | Path): Of the mask.

    Raises:
        DataError: Naming the mask, if it is empty or inverted.
    """
    if not mask.any():
        raise DataError(f'{path} is empty: no pixel lies in the field of view')
    step = max(min(picture.shape[:2]) // 256, 1)
    inside = cv2.resize(mask, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)[::step, ::step] > 0
    bright = picture[::step, ::step].max(axis=2)
    if inside.all() or not inside.any() or bright[inside].mean() >= bright[~inside].mean():
        return mask
    eye = cv2.resize(find_fov(picture), mask.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    outside = np.count_nonzero(eye & (mask == 0)) / max(int(np.count_nonzero(eye)), 1)
    if eye.all() or outside < 0.8:
        return mask
    raise DataError(
        f'{path}: {outside:.0%} of the eye that its picture shows lies in the black of the mask: black and white seem exchanged. White '
        "is inside the field of view: invert the file, or use fov='found'"
    )

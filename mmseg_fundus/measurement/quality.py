"""How good a photograph is, and the prediction made from it, without any label."""

import cv2
import numpy as np
from numpy.typing import ArrayLike
from skimage.measure import blur_effect

from ..errors import ConfigError, DataError
from .inputs import check_view, equivalent_diameter

ACROSS = 540  # pixels; a larger field of view is shrunk to it first, so that cameras are compared at one scale
WINDOW = 1 / 20  # diameters of the field of view: readability and brightness are of windows of this side
LEAST_CONTRAST = 0.015  # of a readable window: standard deviation over mean
LEAST_BRIGHTNESS = 3 / 255
DENSITY = 0.1  # share of vessels that unreadable parts are taken to hold, about that of labels
# what is flagged: beyond what any training picture of DRIVE, STARE, CHASE_DB1 and HRF shows; see docs/measurements.md
LEAST_DICE = 0.75
MOST_BLUR = 0.45
LEAST_READABLE = 0.94
DARK, BRIGHT = 0.15, 0.85
MOST_UNEVEN = 0.6
LEAST_ROUND = 0.75


def picture_quality(
    picture: np.ndarray, fov: ArrayLike | None = None, probability: np.ndarray | None = None, threshold: float = 0.5
) -> dict[str, float]:
    """Quality of a photograph inside its field of view, and of the vessels found in it.

    Args:
        picture (np.ndarray): ``(H, W, 3)`` uint8 RGB.
        fov (array-like, optional): ``(H, W)`` field of view, as :func:`.measure_vessels` takes it; the whole picture without it.
        probability (np.ndarray, optional): ``(H, W)`` of vessel, 0 to 1; without it there is no ``expected_dice``.
        threshold (float): A pixel is vessel above it.

    Returns:
        dict: By name,

        - ``expected_dice``: of the prediction, if its probabilities are right, see :func:`expected_dice`.
        - ``readable_share``: of the field of view whose green channel has contrast: in a window of a twentieth of the field's diameter, a
            standard deviation of 1.5 % of the mean, and a mean of 3 grey levels of 255.
        - ``blur``: 0 sharp, 1 not; of the green channel in the middle of the field (Crete et al., The blur effect, SPIE 6492, 2007;
            scikit-image's ``blur_effect``).
        - ``brightness``: mean of the green channel, 0 to 1.
        - ``unevenness``: standard deviation over mean of the windows' brightness.
        - ``roundness``: area of the field of view over that of the smallest circle around it; ``nan`` if none is given.

    Raises:
        DataError: If an array has another shape or other values, or the field of view is empty.
        ConfigError: If the threshold is not in ``[0, 1)``.
    """
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise DataError(f'picture: (H, W, 3) of uint8 was expected, got {picture.shape} of {picture.dtype}')
    view = check_view(fov, picture.shape[:2], 'picture')
    green, inside, brightness, readable = _windows(picture, view)
    mean = float(brightness[inside].mean())
    found = {
        'readable_share': float(readable[inside].mean()),
        'blur': _blur(green, inside),
        'brightness': mean,
        'unevenness': float(brightness[inside].std() / mean) if mean else float('nan'),
        'roundness': float('nan') if fov is None else _roundness(inside),
    }
    if probability is None:
        return found
    if not 0 <= threshold < 1:
        raise ConfigError(f'threshold={threshold} must lie in [0, 1)')
    if probability.shape != view.shape:
        raise DataError(f'probability {probability.shape} and field of view {view.shape} differ in size')
    whole = cv2.resize(readable.astype(np.uint8), view.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return {'expected_dice': expected_dice(probability, probability > threshold, view, whole), **found}


def expected_dice(probability: np.ndarray, mask: np.ndarray, fov: np.ndarray, readable: np.ndarray | None = None) -> float:
    """The Dice that a prediction has on average, if its probabilities are right.

    Twice the sum of the probabilities of what is predicted, over its area plus the sum of all: the expected true positives and vessels in
    place of those counted.  Where a picture is not readable nothing can be found, but vessels there are: what is predicted
    there counts as wrong, and a tenth of it as vessel.

    Args:
        probability (np.ndarray): ``(H, W)``, 0 to 1.
        mask (np.ndarray): ``(H, W)`` bool, what is predicted.
        fov (np.ndarray): ``(H, W)`` bool.
        readable (np.ndarray, optional): ``(H, W)`` bool; everything without it.

    Returns:
        float: 0 to 1; ``nan`` if nothing is predicted, nor expected.
    """
    read = fov if readable is None else fov & readable
    predicted = mask & fov
    vessels = probability[read].sum(dtype=float) + DENSITY * (fov & ~read).sum()
    both = predicted.sum() + vessels
    return float(2 * probability[predicted & read].sum(dtype=float) / both) if both else float('nan')


def quality_flags(quality: dict[str, float]) -> list[str]:
    """What is wrong with a picture of this :func:`picture_quality`, in words; none of it with any training picture of four data sets."""

    def beyond(name: str, least: float, most: float) -> bool:
        value = quality.get(name, float('nan'))
        return value < least or value > most

    told = {
        'low expected Dice': beyond('expected_dice', LEAST_DICE, 1),
        'blurred': beyond('blur', 0, MOST_BLUR),
        'partly unreadable': beyond('readable_share', LEAST_READABLE, 1),
        'dark': beyond('brightness', DARK, 1),
        'bright': beyond('brightness', 0, BRIGHT),
        'unevenly lit': beyond('unevenness', 0, MOST_UNEVEN),
        'cropped: its scale is uncertain': beyond('roundness', LEAST_ROUND, 2),
    }
    return [words for words, flagged in told.items() if flagged]


def _windows(picture: np.ndarray, view: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Green channel, field of view, mean of each window in it, and whether that is readable; at most :data:`ACROSS` pixels across."""
    channel: np.ndarray = np.ascontiguousarray(picture[:, :, 1])
    share: np.ndarray = view.astype(np.uint8)
    across = equivalent_diameter(view.sum())
    if across > ACROSS:
        size = tuple(max(round(side * ACROSS / across), 1) for side in view.shape[::-1])
        channel, share = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (channel, share))
        across = ACROSS
    inside, green = share > 0, channel.astype(np.float32) / 255
    side = (max(round(across * WINDOW), 3) | 1,) * 2
    counted = cv2.boxFilter(inside.astype(np.float64), -1, side)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(np.where(inside, values, 0).astype(np.float64), -1, side) / np.maximum(counted, 1e-9)

    brightness = mean(green)
    deviation = np.sqrt(np.maximum(mean(green**2) - brightness**2, 0))
    readable = (deviation >= LEAST_CONTRAST * brightness) & (brightness >= LEAST_BRIGHTNESS)
    return green, inside, brightness, readable & inside


def _blur(green: np.ndarray, inside: np.ndarray) -> float:
    """Of the square in the middle of the field of view; ``nan`` where it is too small, or of one value."""
    rows, columns = np.nonzero(inside)
    half = int(0.3 * equivalent_diameter(inside.sum()))
    row, column = int(rows.mean()), int(columns.mean())
    middle = green[max(row - half, 0) : row + half, max(column - half, 0) : column + half]
    return float(blur_effect(middle)) if min(middle.shape) > 15 and np.ptp(middle) > 0 else float('nan')


def _roundness(inside: np.ndarray) -> float:
    outline = np.argwhere(inside & ~cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool))
    _, radius = cv2.minEnclosingCircle(outline[:, ::-1].astype(np.float32))
    return float(inside.sum() / (np.pi * max(radius + 0.5, 0.5) ** 2))

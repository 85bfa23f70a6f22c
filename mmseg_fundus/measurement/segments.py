"""Every vessel between two branch points or tips by itself: length, shape, and width from edges between pixels."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from ..errors import ConfigError, DataError
from .centrelines import Centreline, find_centrelines
from .inputs import cropped, vessel_in_view
from .skeleton import path_places

STEP = 0.25  # pixels between samples across a vessel


def measure_segments(
    mask: ArrayLike,
    fov: ArrayLike | None = None,
    micrometres_per_pixel: float | None = None,
    degrees_per_pixel: float | None = None,
    probability: np.ndarray | None = None,
    threshold: float = 0.5,
) -> list[dict[str, float]]:
    """Measure each vessel between branch points and tips.

    A width is the distance between the two edges on a line across the centreline, about every pixel along it, one local width around branch
    points and half of one at tips left out (of the whole vessel if nothing is left).  An edge lies between two pixels: where the
    probability, interpolated, falls to the threshold; of a mask without probabilities halfway.

    Args:
        mask, fov, micrometres_per_pixel, degrees_per_pixel: As :func:`.measure_vessels` takes them.
        probability (np.ndarray, optional): ``(H, W)`` of vessel, 0 to 1, which the mask was made of.
        threshold (float): Above which it is vessel.

    Returns:
        list[dict]: Of each, by name: ``first_row``, ``first_column``, ``last_row``, ``last_column`` (pixels of the picture, fractions of
        them, a pixel's middle being whole), ``length_px``, ``chord_px``, ``tortuosity`` (``nan`` of a loop),
        ``mean_curvature_rad_per_px`` (``nan`` if shorter than 21 pixels), ``mean_width_px``, ``sd_width_px`` (``nan`` if no edge is found).

    Raises:
        DataError: If an array has another shape or other values, or the field of view is empty.
        ConfigError: If a scale is not a number above 0, both are given, or the threshold is not in ``[0, 1)``.

    Example:
        >>> bar = np.zeros((40, 120))
        >>> bar[18:23, 10:110] = 1
        >>> (vessel,) = measure_segments(bar)
        >>> round(vessel['mean_width_px'], 2)
        5.0
    """
    vessel, view, unit, scale = vessel_in_view(mask, fov, micrometres_per_pixel, degrees_per_pixel)
    if not 0 <= threshold < 1:
        raise ConfigError(f'threshold={threshold} must lie in [0, 1)')
    if probability is not None and probability.shape != vessel.shape:
        raise DataError(f'probability {probability.shape} and mask {vessel.shape} differ in size')
    part, corner = cropped(vessel)
    lines, *_ = find_centrelines(part)
    values, level = (
        (part.astype(np.float32), 0.5) if probability is None else (_same(np.where(view, probability, 0), part.shape, corner), threshold)
    )
    farthest = 2 * float(ndimage.distance_transform_edt(part).max()) + 2
    found = []
    for line in lines:
        widths = _widths(line, values, level, farthest)
        chord = line.chord()
        (first_row, first_column), (last_row, last_column) = line.points[0] + corner, line.points[-1] + corner
        found.append(
            {
                **dict(
                    first_row=float(first_row), first_column=float(first_column), last_row=float(last_row), last_column=float(last_column)
                ),
                f'length_{unit}': line.length() * scale,
                f'chord_{unit}': chord * scale,
                'tortuosity': line.length() / chord if chord > max(line.margins) else float('nan'),
                f'mean_curvature_rad_per_{unit}': line.curvature() / scale,
                f'mean_width_{unit}': float(widths.mean()) * scale if len(widths) else float('nan'),
                f'sd_width_{unit}': float(widths.std()) * scale if len(widths) else float('nan'),
            }
        )
    return found


def _same(values: np.ndarray, shape: tuple[int, ...], corner: np.ndarray) -> np.ndarray:
    """The part of a picture that :func:`.inputs.cropped` made, which may begin a pixel before it; 0 outside."""
    rows, columns = (np.arange(size) + begin for size, begin in zip(shape, corner))
    inside = ((rows >= 0) & (rows < values.shape[0]))[:, None] & ((columns >= 0) & (columns < values.shape[1]))
    return np.where(inside, values[np.ix_(rows.clip(0, values.shape[0] - 1), columns.clip(0, values.shape[1] - 1))], 0).astype(np.float32)


def _widths(line: Centreline, values: np.ndarray, level: float, farthest: float) -> np.ndarray:
    """Widths across a line, in pixels, where both edges are found."""
    points = line.points
    if len(points) < 3:
        return np.zeros(0)
    along = np.gradient(points, axis=0)
    across = along[:, ::-1] * (-1, 1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    place = path_places(points)
    away = (place > line.margins[0]) & (place[-1] - place > line.margins[1])
    use = away if away.any() else np.ones(len(points), bool)
    sides = [_edge(points[use], sign * across[use], values, level, farthest) for sign in (-1, 1)]
    widths = sides[0] + sides[1]
    return widths[np.isfinite(widths)]


def _edge(points: np.ndarray, direction: np.ndarray, values: np.ndarray, level: float, farthest: float) -> np.ndarray:
    """Distance from each of ``(P, 2)`` points along its direction to where the values fall to the level; ``nan`` if they do not."""
    way = np.arange(0, farthest, STEP)
    at = points[:, :, None] + direction[:, :, None] * way
    seen = ndimage.map_coordinates(values, at.transpose(1, 0, 2), order=1, mode='constant')
    below = seen <= level
    last = below.argmax(1)
    rows = np.arange(len(points))
    known = below.any(1) & (last > 0)
    before, after = seen[rows, np.maximum(last - 1, 0)], seen[rows, last]
    share = np.divide(before - level, before - after, out=np.zeros(len(points), seen.dtype), where=before > after)
    return np.where(known, way[np.maximum(last - 1, 0)] + share * STEP, np.nan)

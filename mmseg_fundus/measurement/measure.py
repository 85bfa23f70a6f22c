from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from .centrelines import Centreline, find_centrelines
from .fractal import fractal_dimensions
from .inputs import cropped, equivalent_diameter, vessel_in_view

SHORTEST = 10  # pixels; tortuosity leaves out shorter branches
PIECE = 0.1  # of the diameter of the field of view: local tortuosity is of pieces of this length


def measure_vessels(
    mask: ArrayLike, fov: ArrayLike | None = None, micrometres_per_pixel: float | None = None, degrees_per_pixel: float | None = None
) -> dict[str, float]:
    """Measure the vessels of one picture; nothing outside the field of view counts.

    Args:
        mask (array-like): ``(H, W)``, vessel 1, 255 or True, else 0.
        fov (array-like, optional): ``(H, W)``, field of view, the same values; the whole picture without it.
        micrometres_per_pixel (float, optional): Scale of the picture; with it names and values are in ``um`` instead of ``px``.
        degrees_per_pixel (float, optional): The same in degrees of the eye, ``deg``; at most one of the two is given.

    Returns:
        dict: By name, in this order,

        - ``fov_area_px2`` and ``vessel_area_px2``.
        - ``vessel_area_density``: vessel area over area of the field of view, 0 to 1.
        - ``skeleton_length_px``: of the lines of :func:`.find_centrelines`, from tip to tip.
        - ``skeleton_length_density_per_px``: that over the area of the field of view.
        - ``mean_width_px``: area over length of vessels farther from branch points than they are wide there, and half of that from tips;
            of all vessels if none is.
        - ``fractal_dimension_skeleton``, ``information_dimension_skeleton``, ``correlation_dimension_skeleton``: of
            :func:`.fractal_dimensions`; ``fractal_dimension_mask``: the first of them, of the mask.
        - ``tortuosity``: arc length over chord of a branch, 1 or more; mean weighted by length over branches of 10 pixels and more whose
            ends are farther apart than the vessel is wide there: no loops.
        - ``tortuosity_local``: arc length over chord, median of all pieces of vessels that are a tenth of the field of view's diameter
            long (of a circle of its area); spurs and breaks, which cut vessels into other branches, hardly change it.
        - ``mean_curvature_rad_per_px``: absolute angle turned over length, mean weighted by length over branches of 21 pixels and more;
            one over the radius for a circle.
        - ``branching_angle_deg``: smallest of the three angles at a fork, mean over forks.
        - ``branch_points``: forks and crossings, an int.

        The two of tortuosity are from Hart et al., Measurement and classification of retinal vascular tortuosity, International Journal
        of Medical Informatics 53, 1999.  What there is nothing to measure on is ``nan``; areas, lengths and densities are 0 then.

    Raises:
        DataError: If an array has another shape or other values, or the field of view is empty.
        ConfigError: If a scale is not a number above 0, or both are given.

    Example:
        >>> bar = np.zeros((40, 120))
        >>> bar[18:23, 10:110] = 1
        >>> round(measure_vessels(bar, micrometres_per_pixel=4)['mean_width_um'], 2)
        20.0
    """
    vessel, view, unit, scale = vessel_in_view(mask, fov, micrometres_per_pixel, degrees_per_pixel)
    vessel, _ = cropped(vessel)
    lines, branch_points, angles = find_centrelines(vessel)
    fov_area, area, length = int(view.sum()), int(vessel.sum()), float(sum(line.length() for line in lines))
    pieces = np.concatenate([np.zeros(0), *(line.piece_tortuosities(PIECE * equivalent_diameter(fov_area)) for line in lines)])
    dimensions = fractal_dimensions(np.concatenate([line.points for line in lines] or [np.zeros((0, 2))]))
    open_lines = [line for line in lines if line.length() >= SHORTEST and line.chord() > max(line.margins)]
    return {
        f'fov_area_{unit}2': fov_area * scale**2,
        f'vessel_area_{unit}2': area * scale**2,
        'vessel_area_density': area / fov_area,
        f'skeleton_length_{unit}': length * scale,
        f'skeleton_length_density_per_{unit}': length / fov_area / scale,
        f'mean_width_{unit}': _mean_width(vessel, lines) * scale,
        'fractal_dimension_skeleton': dimensions[0],
        'information_dimension_skeleton': dimensions[1],
        'correlation_dimension_skeleton': dimensions[2],
        'fractal_dimension_mask': fractal_dimensions(np.argwhere(vessel))[0],
        'tortuosity': _weighted_mean((line.length() / line.chord(), line.length()) for line in open_lines),
        'tortuosity_local': float(np.median(pieces)) if len(pieces) else float('nan'),
        f'mean_curvature_rad_per_{unit}': _weighted_mean((line.curvature(), line.length()) for line in lines) / scale,
        'branching_angle_deg': float(np.mean(angles)) if angles else float('nan'),
        'branch_points': branch_points,
    }


def _mean_width(vessel: np.ndarray, lines: list[Centreline]) -> float:
    """Each vessel pixel belongs to the step of a line nearest to it."""
    if not lines:
        return float('nan')
    parts = [line.away_from_ends() for line in lines]
    middles, away = (np.concatenate([part[i] for part in parts]) for i in (0, 2))
    steps = np.repeat([part[1] for part in parts], [len(part[0]) for part in parts])
    if not away.any():
        return float(vessel.sum() / steps.sum())
    pixels = np.ravel_multi_index(np.floor(middles + 0.5).astype(int).T, vessel.shape, mode='clip')
    pixels, step_of = np.unique(pixels, return_inverse=True)
    whole, counted = (np.bincount(step_of, weights) for weights in (steps, steps * away))
    share = np.divide(counted, whole, out=np.zeros_like(whole), where=whole > 0)
    empty = np.ones(vessel.shape, bool)
    empty.flat[pixels[whole > 0]] = False
    nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    nearest = np.ravel_multi_index(tuple(nearest[:, vessel]), vessel.shape)
    return float(share[np.searchsorted(pixels, nearest)].sum() / steps[away].sum())


def _weighted_mean(values: Iterable[tuple[float, float]]) -> float:
    """Mean of ``(value, weight)`` pairs without those that are ``nan``; ``nan`` if there are none."""
    values = np.array([pair for pair in values if np.isfinite(pair[0])]).reshape(-1, 2)
    return float(np.average(values[:, 0], weights=values[:, 1])) if len(values) else float('nan')

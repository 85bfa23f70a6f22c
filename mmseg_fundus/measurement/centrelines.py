from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.signal import savgol_coeffs

from .skeleton import Branch, Skeleton, find_skeleton, path_length, path_places

WINDOW = 11  # pixels along a centreline that a parabola is fitted to
CURVATURE_WINDOW = 21
LEAVING = 8  # pixels along a line that show where it goes from a branch point


class Centreline(NamedTuple):
    """A vessel between two branch points or tips.

    ``points`` are ``(P, 2)``, row and column, a pixel or less apart, the first again the last if it is ``closed``.  ``margins`` are how
    many pixels from its first and its last point say little of its width: twice the radius at a branch point, the radius at a tip.
    """

    points: np.ndarray
    closed: bool
    margins: tuple[float, float]

    def length(self) -> float:
        """In pixels."""
        return path_length(self.points)

    def chord(self) -> float:
        """Distance between its ends in pixels, 0 if it is closed."""
        return float(np.hypot(*(self.points[-1] - self.points[0])))

    def curvature(self) -> float:
        """Mean absolute curvature in radians per pixel; ``nan`` if it is shorter than the window, 21 pixels, that it is fitted in."""
        if len(self.points) < CURVATURE_WINDOW + 1:
            return float('nan')
        velocity, acceleration = (_fitted(self.points, self.closed, CURVATURE_WINDOW, order) for order in (1, 2))
        speed = np.hypot(*velocity.T)
        turned = np.abs(velocity[:, 0] * acceleration[:, 1] - velocity[:, 1] * acceleration[:, 0]) / speed**2
        return float(turned.sum() / speed.sum())

    def piece_tortuosities(self, pixels: float) -> np.ndarray:
        """Arc over chord of every piece of that length, a pixel after the other; none of a shorter line."""
        points = _even(self.points, 1)
        step = self.length() / (len(points) - 1)
        steps = max(round(pixels / step), 1) if step else len(points)
        return steps * step / np.maximum(np.hypot(*(points[steps:] - points[:-steps]).T), 1e-9)

    def direction(self, start: bool) -> np.ndarray | None:
        """Unit vector along which it leaves its first point, or its last: over :data:`LEAVING` pixels beyond the margin there; ``None`` if
        it is shorter."""
        points, margin = (self.points, self.margins[0]) if start else (self.points[::-1], self.margins[1])
        along = path_places(points)
        if self.closed or along[-1] < margin + LEAVING:
            return None
        one, other = (np.array([np.interp(at, along, place) for place in points.T]) for at in (margin, margin + LEAVING))
        return (other - one) / np.hypot(*(other - one))

    def away_from_ends(self) -> tuple[np.ndarray, float, np.ndarray]:
        """``(S, 2)`` middles of short even steps, their length in pixels, and ``(S,)`` bool whether each is outside the margins."""
        points = _even(self.points, 4)
        total, count = self.length(), len(points) - 1
        along = (np.arange(count) + 0.5) * total / count
        return (points[1:] + points[:-1]) / 2, total / count, (along > self.margins[0]) & (total - along > self.margins[1])


def find_centrelines(mask: np.ndarray) -> tuple[list[Centreline], int, list[float]]:
    """Centrelines of a mask from tip to tip, its branch points, and the angles of its forks.

    A parabola fitted to the 11 pixels around each (Savitzky and Golay, Smoothing and differentiation of data by simplified least squares
    procedures, Analytical Chemistry 36, 1964) takes the staircase out of the skeleton of :func:`.find_skeleton`; its length is then free
    of the error of counting steps, up to 8 % with diagonal ones as the square root of 2.  As a skeleton ends half a width before the tip of
    a vessel, each free end goes on straight to the mask's edge.

    Args:
        mask (np.ndarray): ``(H, W)`` bool; background all along the border.

    Returns:
        tuple[list[Centreline], int, list[float]]: The lines; the number of branch points; and of each fork whose three vessels are long
        enough the smallest angle between two of them, in degrees.  A shape without a line, like a disc or a square, has one through its
        middle, along a row or a column.
    """
    mask = _without_pinholes(mask)
    skeleton = find_skeleton(mask)
    lines = [_line(branch, skeleton, mask) for branch in skeleton.branches]
    angles = _fork_angles(skeleton, lines)
    for i in np.flatnonzero(skeleton.degrees == 0):
        lines.append(max((_across(skeleton.points[i], skeleton.radii[i], mask, step) for step in ((0, 1), (1, 0))), key=Centreline.length))
    return lines, int((skeleton.degrees > 2).sum()), angles


def _fork_angles(skeleton: Skeleton, lines: list[Centreline]) -> list[float]:
    leaving: dict[int, list[np.ndarray | None]] = {int(node): [] for node in np.flatnonzero(skeleton.degrees == 3)}
    for branch, line in zip(skeleton.branches, lines):
        for node, start in ((branch.first, True), (branch.last, False)):
            if node in leaving:
                leaving[node].append(line.direction(start))
    forks = [np.stack([one for one in ways if one is not None]) for ways in leaving.values() if all(one is not None for one in ways)]
    cosines = [max(a @ b, b @ c, c @ a) for a, b, c in forks]
    return np.degrees(np.arccos(np.clip(cosines, -1, 1))).tolist()


def _without_pinholes(mask: np.ndarray) -> np.ndarray:
    """Fill holes of one or two pixels, as sharp corners between vessels leave them: each would be a loop of the skeleton."""
    holes, _ = ndimage.label(~mask)
    return mask | (np.bincount(holes.ravel()) <= 2)[holes]


def _line(branch: Branch, skeleton: Skeleton, mask: np.ndarray) -> Centreline:
    closed = branch.first < 0
    points = _fitted(_even(branch.points, 1), closed, WINDOW)
    if closed:
        return Centreline(points, True, (0, 0))
    for end in branch[:2]:
        if skeleton.degrees[end] == 1:
            back = min(max(round(skeleton.radii[end]), 5), len(points) - 1)
            points = np.vstack([_tip(points[0], points[0] - points[back], skeleton.radii[end], mask), points])
        points = points[::-1]
    return Centreline(points, False, tuple(skeleton.radii[end] * (1 if skeleton.degrees[end] == 1 else 2) for end in branch[:2]))


def _even(points: np.ndarray, per_pixel: int) -> np.ndarray:
    """About ``per_pixel`` points a pixel, at even distances along the line through ``(P, 2)`` points."""
    along = path_places(points)
    even = np.linspace(0, along[-1], max(round(along[-1] * per_pixel), 1) + 1)
    return np.stack([np.interp(even, along, place) for place in points.T], 1)


def _fitted(points: np.ndarray, closed: bool, window: int, derivative: int = 0) -> np.ndarray:
    """Parabolas fitted around each of ``(P, 2)`` points."""
    points = points[:-1] if closed else points
    window = min(window, (len(points) - 1) // 2 * 2 + 1)
    if window > 3:
        places, side = _parabolas(window, derivative), window // 2
        around = np.vstack([points[-side:], points, points[:side]]) if closed else points
        inner = np.lib.stride_tricks.sliding_window_view(around, window, axis=0) @ places[side]
        points = inner if closed else np.vstack([places[:side] @ points[:window], inner, places[side + 1 :] @ points[-window:]])
    return np.vstack([points, points[:1]]) if closed else points


@cache
def _parabolas(window: int, derivative: int) -> np.ndarray:
    """``(window, window)``: the parabola through so many values in a row, or its derivative, at each of their places.

    Kept, where ``scipy.signal.savgol_filter`` would find it anew for each vessel and end: most of the time of a measurement.
    """
    return np.stack([savgol_coeffs(window, 2, derivative, pos=place, use='dot') for place in range(window)])


def _tip(end: np.ndarray, direction: np.ndarray, radius: float, mask: np.ndarray) -> np.ndarray:
    """Points from the mask's edge, at most three radii away, to just before ``end``, about a pixel apart."""
    direction = direction / (np.hypot(*direction) or 1)
    way = np.arange(0.05, 3 * radius, 0.1)
    ahead = np.clip(np.floor(end + way[:, None] * direction + 0.5).astype(int), 0, np.subtract(mask.shape, 1))
    outside = ~mask[tuple(ahead.T)]
    distance = way[outside.argmax() if outside.any() else -1] - 0.05
    return end + np.linspace(distance, 0, max(round(distance), 1), endpoint=False)[:, None] * direction


def _across(middle: np.ndarray, radius: float, mask: np.ndarray, step: tuple[int, int]) -> Centreline:
    one, other = (_tip(middle, np.multiply(step, sign), radius, mask) for sign in (1, -1))
    return Centreline(np.vstack([one, middle, other[::-1]]), False, (2 * radius, 2 * radius))

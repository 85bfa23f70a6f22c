"""Finding the field of view of a fundus photograph from the picture alone."""

import cv2
import numpy as np

from ..errors import DataError

_SIDE = 512  # pixels of the longer side at which the disc is looked for
_LEVELS = (0.05, 0.08, 0.15, 0.3)  # of the way from the surroundings' brightness to the retina's
_OUTLINE = 0.15  # the level that draws a clean outline
_TRIPLES = 400  # circles tried through random points of an outline


def find_fov(picture: np.ndarray) -> np.ndarray:
    """Find where a fundus photograph shows the eye: the lit disc, perhaps cut by straight edges, without the dark surroundings.

    The picture is thresholded between the brightness of the surroundings and that of the retina; a circle is fitted to the outline
    of the largest lit region (random triples of points, the circle most of the outline agrees with).  Where region and circle say
    the same, or the region has a sharp edge all around, the region is the answer, to the pixel.  Otherwise (dark corners and
    shadows, light spilled over the rim) the circle is, cut where the region ends in a straight line.  A picture without dark
    surroundings, e.g. one already cropped, is all field of view.

    Args:
        picture (np.ndarray): ``(H, W, 3)`` uint8, any channel order.

    Returns:
        np.ndarray: ``(H, W)`` uint8 of 0 and 1, never empty.

    Raises:
        DataError: If ``picture`` is something else.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise DataError(f'find_fov takes a picture (H, W, 3) of uint8, got {picture.shape} of {picture.dtype}')
    bright = np.maximum(np.maximum(picture[:, :, 0], picture[:, :, 1]), picture[:, :, 2])  # of a short axis, max() is slow
    height, width = bright.shape
    factor = min(_SIDE / max(height, width), 1.0)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    small = cv2.medianBlur(cv2.resize(bright, size, interpolation=cv2.INTER_AREA), 5)
    dark, floor, lit = _brightness(small)
    everything = np.ones((height, width), np.uint8)
    if lit - dark < 8:  # one grey from end to end
        return everything

    fits = [_fit_circle(_region(small, max(dark + level * (lit - dark), floor)), small) for level in _LEVELS]
    enough = max(0.45, max(support for _, support in fits) - 0.07)
    circle = next((circle for circle, support in fits if support >= enough), None)  # the lowest good level: rims may be dim
    region = _region(cv2.medianBlur(bright, 3), dark + _OUTLINE * (lit - dark))
    if circle is None:
        return region if _is_framed(small, dark, lit) else everything
    disc = _draw(circle, _cuts(circle, _region(small, dark + _OUTLINE * (lit - dark))), height, width, factor)
    agree = np.count_nonzero(region & disc) / np.count_nonzero(region | disc)
    clean = _sharp_share(_region(small, dark + _OUTLINE * (lit - dark)), small, dark + 0.4 * (lit - dark)) > 0.95  # e.g. an ellipse
    return region if agree > 0.975 or clean else disc


def _brightness(small: np.ndarray) -> tuple[float, float, float]:
    """Brightness of the dark surroundings (median, and what nearly all of them stay below) and of the retina (median of the middle)."""
    height, width = small.shape
    lit = float(np.median(small[height // 4 : height - height // 4, width // 4 : width - width // 4]))
    dark = float(np.percentile(small, 2))
    lit_region = _region(small, dark + _OUTLINE * (lit - dark))
    outside = small[cv2.dilate(lit_region, np.ones((15, 15), np.uint8)) == 0]
    if outside.size < 0.01 * small.size:
        return dark, dark, lit
    return float(np.median(outside)), min(float(np.percentile(outside, 97)) + 1, 0.3 * lit), lit


def _region(bright: np.ndarray, level: float) -> np.ndarray:
    """Largest connected region above ``level``, its holes filled, threads to other things cut."""
    mask: np.ndarray = (bright > level).astype(np.uint8)
    side = max(round(max(bright.shape) / 150), 1) * 2 + 1
    padded = cv2.copyMakeBorder(mask, side, side, side, side, cv2.BORDER_REPLICATE)
    mask = cv2.morphologyEx(padded, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))[side:-side, side:-side]
    outlines, _ = cv2.findContours(np.ascontiguousarray(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], 0, 1, cv2.FILLED)
    return filled


def _fit_circle(region: np.ndarray, bright: np.ndarray) -> tuple[np.ndarray | None, float]:
    """Circle ``(x, y, radius)`` through a region's outline and the share of the circle's visible part that the outline follows."""
    height, width = region.shape
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return None, 0.0
    points = outlines[0][:, 0].astype(float)
    inside = (points[:, 0] > 1) & (points[:, 0] < width - 2) & (points[:, 1] > 1) & (points[:, 1] < height - 2)
    points = points[inside]  # the frame's edges are no edges of the disc
    if len(points) < 30:
        return None, 0.0
    random = np.random.default_rng(0)
    circles = _circles(points[random.integers(len(points), size=(_TRIPLES, 3))])
    longest = max(height, width)
    circles = circles[(circles[:, 2] > 0.25 * longest) & (circles[:, 2] < 1.0 * longest)]
    if not len(circles):
        return None, 0.0
    squares = (points[:, 0] - circles[:, :1]) ** 2 + (points[:, 1] - circles[:, 1:2]) ** 2
    distance = np.abs(np.sqrt(squares) - circles[:, 2:])  # several times as fast as hypot, which guards against overflow
    circle = circles[(distance < 0.01 * circles[:, 2:]).sum(axis=1).argmax()]
    for _ in range(3):
        near = np.abs(np.hypot(points[:, 0] - circle[0], points[:, 1] - circle[1]) - circle[2]) < 0.012 * circle[2]
        circle = _least_squares(points[near])
    return circle, _support(circle, points, bright)


def _support(circle: np.ndarray, points: np.ndarray, bright: np.ndarray) -> float:
    """Share of the circle's visible part where the outline runs along it and the picture darkens outwards."""
    height, width = bright.shape
    x, y, radius = circle
    angles = np.linspace(-np.pi, np.pi, 361)[:-1]
    around = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)
    visible = (around[:, 0] > 2) & (around[:, 0] < width - 3) & (around[:, 1] > 2) & (around[:, 1] < height - 3)
    near = np.abs(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius) < 0.012 * radius
    followed = np.zeros(360, bool)
    followed[np.round(np.degrees(np.arctan2(points[near, 1] - y, points[near, 0] - x)) + 180).astype(int) % 360] = True
    inner, outer = (_ring(bright, circle, factor, angles) for factor in (0.97, 1.03))
    return float((followed & visible & (inner > 1.6 * outer + 2)).sum() / max(visible.sum(), 30))


def _ring(bright: np.ndarray, circle: np.ndarray, factor: float, angles: np.ndarray) -> np.ndarray:
    x = np.clip(np.round(circle[0] + factor * circle[2] * np.cos(angles)), 0, bright.shape[1] - 1).astype(int)
    y = np.clip(np.round(circle[1] + factor * circle[2] * np.sin(angles)), 0, bright.shape[0] - 1).astype(int)
    return bright[y, x].astype(float)


def _circles(triples: np.ndarray) -> np.ndarray:
    """Circles ``(N, 3)`` through triples of points ``(N, 3, 2)``; those of points in a line are left out."""
    a, b, c = triples[:, 0], triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0]
    cross = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    with np.errstate(divide='ignore', invalid='ignore'):
        bb, cc = (b**2).sum(1), (c**2).sum(1)
        x = (c[:, 1] * bb - b[:, 1] * cc) / cross
        y = (b[:, 0] * cc - c[:, 0] * bb) / cross
        circles = np.stack([a[:, 0] + x, a[:, 1] + y, np.hypot(x, y)], axis=1)
    return circles[np.isfinite(circles).all(axis=1)]


def _least_squares(points: np.ndarray) -> np.ndarray:
    """Circle nearest to points ``(N, 2)`` (Kasa's linear fit)."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    (x, y, c), *_ = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)
    return np.array([x, y, np.sqrt(max(c + x * x + y * y, 0.0))])


def _cuts(circle: np.ndarray, region: np.ndarray) -> list[float | None]:
    """The straight edges the region has inside the circle, ``[top, bottom, left, right]``, ``None`` for no cut."""
    x, y, radius = circle
    cuts: list[float | None] = []
    for lines, centre, other in ((region, y, x), (region.T, x, y)):  # columns, then rows, from one end to the other
        first = lines.argmax(axis=0)[lines.any(axis=0)]
        last = len(lines) - 1 - lines[::-1].argmax(axis=0)[lines.any(axis=0)]
        for ends, edge, missing in (
            (first, first.min(), first.min() - (centre - radius)),
            (last, last.max(), centre + radius - last.max()),
        ):
            half = np.sqrt(max(radius**2 - (edge - centre) ** 2, 0))
            chord = min(other + half, lines.shape[1] - 1) - max(other - half, 0)  # as far as the frame shows it
            near = ends[np.abs(ends - edge) <= max(0.015 * radius, 1)]  # a slide is often tilted a little
            edge, flat = np.median(near), len(near)
            straight = missing > 0.015 * radius and flat > max(0.45 * chord, 0.3 * radius)
            cuts.append(float(edge) if straight else None)
    return cuts


def _draw(circle: np.ndarray, cuts: list[float | None], height: int, width: int, factor: float) -> np.ndarray:
    """The circle with its cuts, found at ``factor`` times the size, as a mask ``(height, width)``."""
    x, y = ((value + 0.5) / factor - 0.5 for value in circle[:2])
    top, bottom, left, right = (None if value is None else (value + 0.5) / factor - 0.5 for value in cuts)
    radius = (circle[2] + 0.5) / factor  # outlines run through the outermost pixels' centres
    rows, columns = np.ogrid[:height, :width]
    mask = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    for line, low in ((top, True), (bottom, False)):
        if line is not None:
            mask &= rows >= line - 0.5 if low else rows <= line + 0.5
    for line, low in ((left, True), (right, False)):
        if line is not None:
            mask &= columns >= line - 0.5 if low else columns <= line + 0.5
    return mask.astype(np.uint8)


def _sharp_share(region: np.ndarray, bright: np.ndarray, bright_enough: float) -> float:
    """Share of a region's outline, inside the frame, across which the picture falls at once from ``bright_enough`` to darkness."""
    reach = max(round(0.015 * max(region.shape)), 1)
    window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    high, low = cv2.dilate(bright, window).astype(float), cv2.erode(bright, window).astype(float)
    outline = cv2.morphologyEx(region, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    outline[:2], outline[-2:], outline[:, :2], outline[:, -2:] = False, False, False, False
    return float(np.mean((high > np.maximum(1.6 * low + 2, bright_enough))[outline])) if outline.any() else 0.0


def _is_framed(small: np.ndarray, dark: float, lit: float) -> bool:
    """Whether a lit region that is no disc still stands in dark surroundings, rather than fading out as an unevenly lit retina does."""
    low, high = (_region(small, dark + level * (lit - dark)) for level in (_LEVELS[1], _LEVELS[3]))
    return bool(dark < 0.3 * lit and np.count_nonzero(high) > 0.9 * np.count_nonzero(low) and 0.1 < low.mean() < 0.97)

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


def box_around(mask: 'np.ndarray | Tensor') -> tuple[slice, slice]:
    """Rows and columns (two slices) of the smallest box around a mask ``(H, W)``, array or tensor; everything if it is empty."""
    mask = np.asarray(mask)
    inside = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    rows, columns = (slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(None) for found in inside)
    return rows, columns


def across(mask: 'np.ndarray | Tensor') -> int:
    """Pixels of the longer side of that box."""
    return max((box.stop - box.start) if box.stop else side for box, side in zip(box_around(mask), mask.shape))


Density = float | Sequence[float] | None  # pixels to a degree of the eye: so many, or the picture's own between two bounds


def check_density(owner: str, density: Density) -> None:
    """Refuse a ``pixels_per_degree`` that is not a number above 0, two of them (the least and the most), or ``None``."""
    if density is None:
        return
    bounds = density if isinstance(density, Sequence) else (density, density)
    numbers = len(bounds) == 2 and all(isinstance(bound, (int, float)) and 0 < bound < float('inf') for bound in bounds)
    if not numbers or bounds[0] > bounds[1]:
        raise ConfigError(f'{owner}: pixels_per_degree={density!r} must be a number above 0, or two: the least and the most')


def fov_scale(mask: 'np.ndarray | Tensor', pixels_per_degree: Density, field_angle: float = 45.0) -> float:
    """The factor that gives a picture that many pixels to a degree of the eye, so that vessels are as wide with every camera.

    Args:
        mask (ndarray | Tensor): Field of view ``(H, W)``; the longer side of the box around it shows ``field_angle``.
        pixels_per_degree (float | Sequence[float], optional): So many; or two bounds, between which a picture keeps its own, so that
            fine vessels are not lost where a camera shows them; ``None`` for no scaling.
        field_angle (float): Degrees.

    Returns:
        float: Exactly 1 where it would be within 3 % of that: resampling would cost more than it gives.
    """
    if pixels_per_degree is None:
        return 1.0
    own = across(mask) / field_angle
    least, most = pixels_per_degree if isinstance(pixels_per_degree, Sequence) else (pixels_per_degree, pixels_per_degree)
    factor = min(max(own, least), most) / own
    return 1.0 if abs(factor - 1) < 0.03 else factor


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that is predicted, and what is known of it.

    Attributes:
        values (Tensor): ``(3, H, W)``, normalised as a network takes it.
        meta (Mapping): Perhaps ``name``, ``fov`` ``(H, W)`` and ``field_angle``.
    """

    values: 'Tensor'
    meta: Mapping[str, Any]


class Place(NamedTuple):
    """What an input of an encoder shows of a picture: a box of it, in a pose, scaled to a size, and of that a window.

    Attributes:
        picture (Picture): The picture.
        pose (tuple, optional): Of test-time augmentation; ``None`` where there is none, and the picture is taken as it is.
        box (tuple[int]): Top, left, height and width in the picture, in pixels.
        size (tuple[int]): Height and width that the box, in its pose, is scaled to.
        window (tuple[int]): Top, left, height and width in what was scaled.
    """

    picture: Picture
    pose: tuple[float, ...] | None
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    window: tuple[int, int, int, int]

    @classmethod
    def whole(cls, values: 'Tensor', meta: Mapping[str, Any]) -> 'Place':
        """The whole of a picture ``(3, H, W)``, as it is."""
        height, width = values.shape[1:]
        everything = (0, 0, height, width)
        return cls(Picture(values, meta), None, everything, (height, width), everything)

    def boxed(self, rows: slice, columns: slice) -> 'Place':
        """A box of the picture, in place of its whole."""
        (top, bottom, _), (left, right, _) = rows.indices(self.box[2]), columns.indices(self.box[3])
        return self._replace(box=(top, left, bottom - top, right - left))

    def scaled(self, size: tuple[int, int]) -> 'Place':
        """All of it, scaled to a height and a width."""
        return self._replace(size=size, window=(0, 0, *size))

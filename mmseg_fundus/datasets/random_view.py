"""Drawing a random view of a picture for training: the whole picture at the input size, or a crop at native scale."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image

from ..classes import BACKGROUND, IGNORE, VESSEL
from ..errors import ConfigError
from ..geometry import Density, box_around, check_density, fov_scale
from .camera_look import CameraLook

LABEL_SCALINGS = ('nearest', 'antialiased')


def _bounds(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f'RandomFundusView: {name}={value} must lie in [{low:g}, {high:g}]')


@TRANSFORMS.register_module()
class RandomFundusView(BaseTransform):
    """A random view of a picture and its label at a fixed size: scaling, cropping, rotation, flips, brightness and contrast.

    Without ``zoom`` the whole picture is scaled to ``size`` times a random factor (antialiased) and cut or padded to ``size`` at a
    random place.  With ``zoom`` it is scaled by that times a random factor, and ``size`` is cut around a random pixel of the field
    of view, within the frame where the picture is large enough.  Then it is rotated about its centre, flipped and turned.  What
    was not in the picture is black, its label 255.

    Required keys: ``img`` ``(H, W, 3)`` uint8, ``gt_seg_map`` and perhaps ``fov`` ``(H, W)`` (else all of the label that counts);
    ``view`` (:class:`.Drawn`) decides what is drawn, without it numpy's global state does.  Modified: ``img``, ``gt_seg_map``,
    ``img_shape``.  Removed: ``fov``, ``label``, which are of the whole picture.

    Args:
        size (Sequence[int]): Height and width of the result.
        zoom (float, optional): Crops, with that many input pixels to a native pixel (1: native scale).
        pixels_per_degree (float | Sequence[float], optional): Pictures are first scaled to that, as ``test_cfg.pixels_per_degree`` does
            (:func:`.boxes.fov_scale`); ``zoom`` is relative to it.
        crop_to_fov (bool): Begin with the box around the field of view instead of the frame, as ``test_cfg.crop_to_fov`` does.
        flip (float): Probability of a left-right flip, and independently of an up-down flip.
        rotate (float): Largest angle, degrees; uniform on both sides of 0.
        quarter_turns (bool): Turn by 0, 90, 180 or 270 degrees besides; ``size`` must be square.
        scale (Sequence[float]): Smallest and largest factor, uniform between.
        label_scaling (str): ``'nearest'`` takes the label of the nearest pixel; ``'antialiased'`` calls a pixel vessel where most of what
            it covers is, which keeps vessels whole in pictures that are made smaller.
        look (dict, optional): How far the look may change: arguments of :class:`.CameraLook`, over a brightness and a contrast of 0.2.
        **flat: The same arguments, beside the others: ``brightness=0.2``.
    """

    KEYWORDS = CameraLook._fields

    def __init__(
        self,
        size: Sequence[int] = (224, 224),
        zoom: float | None = None,
        pixels_per_degree: Density = None,
        crop_to_fov: bool = False,
        flip: float = 0.5,
        rotate: float = 15.0,
        quarter_turns: bool = False,
        scale: Sequence[float] = (0.8, 1.2),
        label_scaling: str = 'nearest',
        look: dict[str, float] | None = None,
        **flat: float,
    ) -> None:
        if len(size) != 2 or min(size) < 1:
            raise ConfigError(f'RandomFundusView: size={size} must be (height, width)')
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise ConfigError(f'RandomFundusView: scale={scale} must be (smallest, largest), both above 0')
        if zoom is not None and not zoom > 0:
            raise ConfigError(f'RandomFundusView: zoom={zoom} must be above 0, or None for whole pictures')
        check_density('RandomFundusView', pixels_per_degree)
        if pixels_per_degree is not None and zoom is None:
            raise ConfigError(f'RandomFundusView: pixels_per_degree={pixels_per_degree} needs zoom (1.0)')
        if quarter_turns and size[0] != size[1]:
            raise ConfigError(f'RandomFundusView: quarter_turns=True needs a square size, not {size}')
        if not isinstance(look, (dict, type(None))):
            raise ConfigError(f'RandomFundusView: look={look!r} must be dict(brightness=..., contrast=..., ...)')
        if label_scaling not in LABEL_SCALINGS:
            raise ConfigError(f'RandomFundusView: label_scaling={label_scaling!r} is unknown, use one of {", ".join(LABEL_SCALINGS)}')
        _bounds('flip', flip, 0, 1)
        _bounds('rotate', rotate, 0, 180)
        self.size = (size[0], size[1])
        self.zoom = zoom
        self.pixels_per_degree = pixels_per_degree
        self.crop_to_fov = crop_to_fov
        self.flip = flip
        self.rotate = rotate
        self.quarter_turns = quarter_turns
        self.scale = (scale[0], scale[1])
        self.label_scaling = label_scaling
        self.look = self._look(look or {}, flat).check('RandomFundusView')

    @staticmethod
    def _look(look: dict[str, float], flat: dict[str, float]) -> CameraLook:
        for owner, given in (('look', look), ('RandomFundusView', flat)):
            unknown = [key for key in given if key not in CameraLook._fields]
            if unknown and owner == 'look':
                raise ConfigError(f'RandomFundusView: look has no {unknown[0]!r}; it has {", ".join(CameraLook._fields)}')
            if unknown:
                raise TypeError(f'RandomFundusView.__init__() got an unexpected keyword argument {unknown[0]!r}')
        twice = [key for key in look if key in flat]
        if twice:
            raise ConfigError(f'RandomFundusView: {twice[0]} is given twice, by itself and in look=dict(...); leave one of them out')
        return CameraLook(**{'brightness': 0.2, 'contrast': 0.2, **flat, **look})

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        fov = results.pop('fov', None)
        results.pop('label', None)
        if 'gt_seg_map' in results:
            whole = fov is None or fov.shape != results['gt_seg_map'].shape
            fov = results['gt_seg_map'] != IGNORE if whole else fov > 0
        if self.crop_to_fov and 'gt_seg_map' in results:
            box = box_around(fov)
            results['img'], results['gt_seg_map'], fov = results['img'][box], results['gt_seg_map'][box], fov[box]
        height, width = self.size
        drawn = results.get('view')
        random = drawn.random() if drawn else np.random.default_rng(np.random.randint(2**31))
        factor = random.uniform(*self.scale)
        if self.zoom is None:
            cut, scaled = None, (max(round(width * factor), 1), max(round(height * factor), 1))  # width first, as Pillow and OpenCV count
            offset = [random.uniform(min(have - want, 0), max(have - want, 0)) for have, want in zip(scaled, (width, height))]
        else:
            if 'gt_seg_map' in results:
                factor *= fov_scale(fov, self.pixels_per_degree, results.get('field_angle', 45.0))
            cut, scaled = self._draw_window(results, self.zoom * factor, random)
            offset = [(have - want) / 2 for have, want in zip(scaled, (width, height))]
        angle = random.uniform(-self.rotate, self.rotate)
        flips = [axis for axis in (1, 0) if random.random() < self.flip]
        turns = int(random.integers(4)) if self.quarter_turns else 0

        rotation: np.ndarray = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
        rotation[:, 2] -= rotation[:, :2] @ np.round(offset)

        def view(image: np.ndarray, resample: Image.Resampling, interpolation: int, border: int | tuple[int, ...]) -> np.ndarray:
            image = image if cut is None else _cut(image, cut, border)
            image = np.asarray(Image.fromarray(image).resize(scaled, resample))
            image = cv2.warpAffine(image, rotation, (width, height), flags=interpolation, borderValue=border)
            return np.ascontiguousarray(np.rot90(np.flip(image, tuple(flips)), turns))

        picture = view(results['img'], Image.Resampling.BILINEAR, cv2.INTER_LINEAR, (0, 0, 0))
        results['img'] = self.look.draw(picture, random)
        results['img_shape'] = self.size
        if 'gt_seg_map' in results:
            whole, label = results['gt_seg_map'], view(results['gt_seg_map'], Image.Resampling.NEAREST, cv2.INTER_NEAREST, IGNORE)
            if self.label_scaling == 'antialiased':
                smaller = scaled[0] < (whole.shape[1] if cut is None else cut[3] - cut[2])
                covered = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
                vessel = view(cv2.inRange(whole, VESSEL, VESSEL), covered, cv2.INTER_LINEAR, 0) > 127
                label = np.where(vessel & (label != IGNORE), VESSEL, np.where(label == VESSEL, BACKGROUND, label)).astype(np.uint8)
            results['gt_seg_map'] = label
        return results

    def _draw_window(self, results: dict[str, Any], zoom: float, random: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, int]]:
        """A window of native pixels, with room to rotate, as ``(top, bottom, left, right)``, and its size after scaling ``(w, h)``."""
        shape = results['img'].shape[:2]
        label = results.get('gt_seg_map')
        chosen = None if label is None else _drawn_from(label != IGNORE, random)
        if chosen is None:
            chosen = divmod(int(random.integers(shape[0] * shape[1])), shape[1])
        window, sides = [], []
        for centre, length, want in zip(chosen, shape, self.size):
            native = want / zoom
            centre = float(np.clip(centre, native / 2, length - native / 2)) if length > native else length / 2
            reach = native / 2 if not self.rotate else np.hypot(*self.size) / 2 / zoom + 1
            start = int(np.floor(centre - reach))
            count = int(np.ceil(2 * reach))
            window += [start, start + count]
            sides.append(max(round(count * zoom), 1))
        return tuple(window), (sides[1], sides[0])

    def __repr__(self) -> str:
        settings = ['size', 'zoom', 'pixels_per_degree', 'crop_to_fov', 'flip', 'rotate', 'quarter_turns', 'scale', 'look']
        settings += ['label_scaling'] * (self.label_scaling != 'nearest')  # what a cache of before knows
        return f'{type(self).__name__}({", ".join(f"{name}={getattr(self, name)}" for name in settings)})'


def _drawn_from(mask: np.ndarray, random: np.random.Generator) -> tuple[int, int] | None:
    """Row and column of a pixel of a mask ``(H, W)`` bool, each as likely; ``None`` if it is empty."""
    before = np.cumsum([0, *map(np.count_nonzero, mask)])  # a list of all its pixels would take eight bytes for each
    if not before[-1]:
        return None
    chosen = int(random.integers(before[-1]))
    row = int(np.searchsorted(before, chosen, side='right')) - 1
    return row, int(np.flatnonzero(mask[row])[chosen - before[row]])


def _cut(image: np.ndarray, window: tuple[int, ...], border: int | tuple[int, ...]) -> np.ndarray:
    """A window of an image, filled with ``border`` where it reaches over the frame."""
    top, bottom, left, right = window
    height, width = image.shape[:2]
    inside = image[max(top, 0) : bottom, max(left, 0) : right]
    over = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    return cv2.copyMakeBorder(inside, *over, cv2.BORDER_CONSTANT, value=border) if any(over) else np.ascontiguousarray(inside)

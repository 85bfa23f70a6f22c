"""Pipeline steps: reading a label with its field of view, and drawing a random view for training."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image

from ..errors import ConfigError, DataError
from .reading import read_mask

IGNORE = 255


@TRANSFORMS.register_module()
class LoadVesselAnnotations(BaseTransform):
    """Read the vessel label as ``gt_seg_map`` ``(H, W)`` uint8: 0 background, 1 vessel, 255 outside the field of view.

    Required keys: ``seg_map_path``, ``fov_path`` (optional), ``img``.  Without ``seg_map_path`` (prediction) nothing is done.
    """

    def transform(self, results: dict) -> dict:
        if 'seg_map_path' not in results:
            return results
        label = read_mask(results['seg_map_path'])
        if label.shape != results['img'].shape[:2]:
            raise DataError(f'{results["seg_map_path"]} is {label.shape}, its picture {results["img_path"]} {results["img"].shape[:2]}')
        if 'fov_path' in results:
            label[read_mask(results['fov_path']) == 0] = IGNORE
        results['gt_seg_map'] = label
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results


def _bounds(name: str, value, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f'RandomFundusView: {name}={value} must lie in [{low:g}, {high:g}]')


@TRANSFORMS.register_module()
class RandomFundusView(BaseTransform):
    """A random view of a picture and its label at a fixed size: scaling, cropping, flips, rotation, brightness and contrast.

    The picture is scaled to ``size`` times a random factor (antialiased), cut or padded to ``size`` at a random place, flipped and
    rotated about its centre.  What was not in the picture is black, its label 255.

    Required keys: ``img`` ``(H, W, 3)`` uint8, ``gt_seg_map`` ``(H, W)``; ``view_seed`` (ints) decides what is drawn, without it
    numpy's global state does.  Modified: ``img``, ``gt_seg_map``, ``img_shape``.

    Args:
        size (Sequence[int]): Height and width of the result.
        flip (float): Probability of a left-right flip, and independently of an up-down flip.
        rotate (float): Largest angle, degrees; uniform on both sides of 0.
        scale (Sequence[float]): Smallest and largest factor, uniform between.
        brightness (float): The picture is multiplied by 1 ± this, 0 to 1.
        contrast (float): Differences from the mean grey are multiplied by 1 ± this, 0 to 1.
    """

    def __init__(self, size=(224, 224), flip=0.5, rotate=15.0, scale=(0.8, 1.2), brightness=0.2, contrast=0.2):
        if len(size) != 2 or min(size) < 1:
            raise ConfigError(f'RandomFundusView: size={size} must be (height, width)')
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise ConfigError(f'RandomFundusView: scale={scale} must be (smallest, largest), both above 0')
        _bounds('flip', flip, 0, 1)
        _bounds('rotate', rotate, 0, 180)
        _bounds('brightness', brightness, 0, 1)
        _bounds('contrast', contrast, 0, 1)
        self.size = tuple(size)
        self.flip = flip
        self.rotate = rotate
        self.scale = tuple(scale)
        self.brightness = brightness
        self.contrast = contrast

    def transform(self, results: dict) -> dict:
        height, width = self.size
        random = np.random.default_rng(results.get('view_seed', np.random.randint(2**31)))
        factor = random.uniform(*self.scale)
        scaled = (max(round(width * factor), 1), max(round(height * factor), 1))  # width first, as Pillow and OpenCV count
        offset = [random.uniform(min(have - want, 0), max(have - want, 0)) for have, want in zip(scaled, (width, height))]
        angle = random.uniform(-self.rotate, self.rotate)
        flips = [axis for axis in (1, 0) if random.random() < self.flip]

        rotation = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
        rotation[:, 2] -= rotation[:, :2] @ np.round(offset)

        def view(image: np.ndarray, resample, interpolation, border) -> np.ndarray:
            image = np.asarray(Image.fromarray(image).resize(scaled, resample))
            image = cv2.warpAffine(image, rotation, (width, height), flags=interpolation, borderValue=border)
            return np.ascontiguousarray(np.flip(image, flips)) if flips else image

        picture = view(results['img'], Image.BILINEAR, cv2.INTER_LINEAR, (0, 0, 0))
        results['img'] = self._photometric(picture, random)
        results['img_shape'] = self.size
        if 'gt_seg_map' in results:
            results['gt_seg_map'] = view(results['gt_seg_map'], Image.NEAREST, cv2.INTER_NEAREST, IGNORE)
        return results

    def _photometric(self, picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
        gain = 1 + random.uniform(-self.brightness, self.brightness)
        contrast = 1 + random.uniform(-self.contrast, self.contrast)
        mean = picture.mean()
        levels = ((np.arange(256) - mean) * contrast + mean) * gain
        return cv2.LUT(picture, np.clip(np.round(levels), 0, 255).astype(np.uint8))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, flip={self.flip}, rotate={self.rotate}, scale={self.scale}, '
            f'brightness={self.brightness}, contrast={self.contrast})'
        )

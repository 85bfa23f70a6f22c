"""Reading vessel labels and field-of-view masks, whoever made them."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..classes import IGNORE
from ..errors import DataError
from .reading import decoded, palette_of

READING = 2  # of this module: another number, other cached views
LABEL_VALUES = ('auto', 'indices', 'white', 'not_black')

_BLACK, _WHITE = 16, 239  # grey values up to this dark, or from this on light, are black and white
_RINGING = 32  # more of either side are, in a JPEG
_FEW = 0.02  # of the pixels that hold 255: fewer ones beside them could be specks
_PRIMARIES = {1: 'blue', 2: 'green', 4: 'red', 7: 'white'}  # bits of red, green, blue
_ADVICE = 'the argument label_values of the data set says what its numbers mean'


def read_label(path: str | Path, values: str = 'auto') -> np.ndarray:
    """Read a vessel label as ``(H, W)`` uint8: 0 background, 1 vessel, 255 ignored.

    Args:
        path (str | Path): The file.
        values (str): What its numbers mean.

            - ``'auto'``: 0 and 1; 0, 1 and 255, mmsegmentation's convention, where 255 is ignored; otherwise black and white, grey
              values above the middle are vessel, and greys are no more than edges.  Colours: red, green, blue (arteries, veins,
              crossings; beside red and blue also white) or one colour on black are vessel.  Of a drawing on a transparent layer, what
              is drawn is vessel.
            - ``'indices'``: 0 is background, 1 vessel, 255 ignored, in each file.
            - ``'white'``: above the middle is vessel (of 0 and 1: 1), nothing is ignored.
            - ``'not_black'``: whatever is not black is vessel.

    Raises:
        DataError: If the file cannot be decoded, or holds something else.
    """
    return read_label_and_kind(path, values)[0]


def read_label_and_kind(path: str | Path, values: str = 'auto') -> tuple[np.ndarray, str]:
    """:func:`read_label`, and how it is stored: ``'indices'``, ``'ignoring'`` (0, 1 and 255), ``'white'``, ``'colours'`` or ``'any'``."""
    image = decoded(path)
    lossy = image.format in ('JPEG', 'WEBP')
    if lossy and values in ('indices', 'not_black'):
        raise DataError(f'{path} is a {image.format} file, which keeps neither numbers nor exact black; {_ADVICE}, not {values!r}')
    stored, white, indexed = _numbers(path, image, lossy, values)
    if stored is None:
        return _colours(path, np.asarray(image.convert('RGB')), values), 'colours'
    found = np.unique(stored) if stored.dtype != np.uint8 else np.flatnonzero(np.bincount(stored.ravel()))
    if values == 'not_black':
        return (stored > 0).astype(np.uint8), 'any'
    highest = float(found[-1]) if len(found) else 0.0
    ignore = highest if highest in (255, 65535) else None
    numbers = set(found.tolist())
    if values == 'indices':
        if not numbers <= {0, 1, ignore}:
            raise _refused(path, found, "label_values='indices' reads 0 (background), 1 (vessel) and 255 (ignored)")
        return np.where(stored == 1, np.uint8(1), np.where(stored == 0, np.uint8(0), np.uint8(IGNORE))), 'indices'
    if numbers <= {0, 1} and not (lossy and highest):
        kind = 'indices' if highest and white > 1 else 'any'
        return (stored > 0).astype(np.uint8), kind
    if ignore and 1 in numbers and numbers <= {0, 1, ignore} and values == 'auto' and not lossy:
        ones, ignored = np.count_nonzero(stored == 1), np.count_nonzero(stored == ignore)
        if ones < _FEW * ignored and not indexed:
            raise DataError(
                f'{path} holds 0, 1 and {ignore:g}, and 1 in {ones:,} pixels only, {ignore:g} in {ignored:,}: say what is vessel, with '
                "label_values='indices' (1 is vessel, 255 ignored) or label_values='white' (255 is vessel)"
            )
        return np.where(stored == ignore, np.uint8(IGNORE), stored.astype(np.uint8)), 'ignoring'
    if indexed and numbers <= {0, 1, 255}:  # 0 and 255 in one colour
        return np.where(stored == 255, np.uint8(IGNORE), stored.astype(np.uint8)), 'ignoring'
    grey = _scaled(stored, white)
    vessel = grey > 127 if values == 'white' else _black_and_white(grey, lossy)
    if vessel is None:
        raise _refused(path, found, 'a label or mask holds two, 0 and 255 (or 0 and 1), greys at edges alone')
    return vessel.astype(np.uint8), 'white'


def read_mask(path: str | Path) -> np.ndarray:
    """Read a field-of-view mask as ``(H, W)`` uint8 of 0 and 1: white is inside.

    Raises:
        DataError: If the file cannot be decoded, or is not black and white.
    """
    mask, kind = read_label_and_kind(path)
    if kind == 'ignoring':
        raise DataError(f'{path} holds 3 different values (0, 1, 255); a field-of-view mask holds two, 0 and 255 (or 0 and 1)')
    return mask


def _numbers(path: str | Path, image: Image.Image, lossy: bool, values: str) -> tuple[np.ndarray | None, int, bool]:
    """A file's numbers ``(H, W)``, the one that is white, and whether they are indices; no numbers if only its colours say something."""
    if image.mode == 'P' and values == 'indices':
        return np.asarray(image), 255, True
    if image.mode in ('LA', 'PA', 'RGBA') or 'transparency' in image.info:
        opacity = _opacity(path, image)
        if opacity is not None:
            return opacity, 255, False
    if image.mode == 'P':
        return _palette_numbers(image)
    if image.mode == '1':
        return np.asarray(image).astype(np.uint8), 1, False
    if image.mode.startswith(('F', 'I')):
        numbers, high = np.asarray(image), 1 if image.mode.startswith('F') else 255
        return numbers, (high if not (numbers > high).any() else 255 if high == 1 else 65535), False
    if image.mode in ('L', 'LA'):
        return np.asarray(image.getchannel(0)), 255, False
    if image.mode not in ('RGB', 'RGBA', 'PA', 'CMYK', 'YCbCr'):
        raise DataError(f'{path} is a picture of mode {image.mode}; save it as black and white')
    colours = np.asarray(image.convert('RGB'))
    if (colours[..., 0] == colours[..., 1]).all() and (colours[..., 1] == colours[..., 2]).all():
        return colours[..., 0], 255, False
    return (np.asarray(image.convert('L')) if lossy or values == 'white' else None), 255, False


def _palette_numbers(image: Image.Image) -> tuple[np.ndarray | None, int, bool]:
    """As :func:`_numbers`: the greys of a palette that is black and white, the indices of one that is not, or neither."""
    indices, palette = np.asarray(image), palette_of(image)
    used = np.flatnonzero(np.bincount(indices.ravel(), minlength=256))
    colours, numbers = palette[used], set(used.tolist())
    if numbers <= {0, 1, 255} and ({1, 255} <= numbers or len(np.unique(colours, axis=0)) < len(used)):
        return indices, 255, True
    grey = np.ptp(colours.astype(int), axis=1).max(initial=0) <= 4
    if numbers <= {0, 1} and (((colours > _BLACK) & (colours < _WHITE)).any() if grey else not _meaningful(_codes(colours))):
        return indices, 255, True
    return (palette[:, 0][indices] if grey else None), 255, False


def _opacity(path: str | Path, image: Image.Image) -> np.ndarray | None:
    """Opacity of a drawing on a transparent layer; ``None`` if nothing is transparent, or all of it."""
    layers = np.asarray(image.convert('RGBA'))
    opacity = layers[..., 3]
    if opacity.min() == opacity.max():
        return None
    colours = layers[..., :3][opacity > 127]
    if len(colours) and np.ptp(colours, axis=0).max() > _BLACK and colours.max(axis=1).min() <= _BLACK:
        raise DataError(f'{path} is transparent in places, and black and another colour elsewhere; save it without transparency')
    return opacity


def _colours(path: str | Path, colours: np.ndarray, values: str) -> np.ndarray:
    """A label of colours on black."""
    if values == 'not_black' or _meaningful(_codes(colours)):
        return np.any(colours, axis=2).astype(np.uint8)
    raise DataError(
        f"{path} is coloured: red, green and blue, or one colour, on black are read as vessel; label_values='not_black' reads all that "
        'is not black so, or save it as black and white'
    )


def _codes(colours: np.ndarray) -> np.ndarray:
    red, green, blue = (colours[..., band].astype(np.int32) for band in range(3))
    return (red << 16 | green << 8 | blue).ravel()


def _meaningful(codes: np.ndarray) -> bool:
    """Whether colours are black and one other, or black and those of maps of arteries and veins."""
    highest = int(codes.max())
    if not (codes == 0).any():
        return False
    if ((codes == 0) | (codes == highest)).all():
        return max(highest.to_bytes(3, 'big')) >= 100
    bits = (codes >> 16 & 4) | (codes >> 8 & 2) | (codes & 1)
    exact = (codes == (bits >> 2) * 0xFF0000 + (bits >> 1 & 1) * 0xFF00 + (bits & 1) * 0xFF).all()
    found = set(np.flatnonzero(np.bincount(bits))) - {0}
    return bool(exact and found <= set(_PRIMARIES) and (7 not in found or {1, 4} <= found))


def _scaled(stored: np.ndarray, white: float) -> np.ndarray:
    return stored if white == 255 else stored * (255.0 / white)


def _black_and_white(grey: np.ndarray, lossy: bool) -> np.ndarray | None:
    """Where a grey picture is white, as bool; ``None`` if it is not black and white, with greys along edges alone."""
    if grey.min(initial=0) < 0:
        return None
    black, white = (_BLACK + _RINGING, _WHITE - _RINGING) if lossy else (_BLACK, _WHITE)
    if lossy and 1 < grey.max(initial=0) <= _BLACK:
        return np.zeros(grey.shape, bool)
    light, coloured = grey >= white, grey > black
    count = np.count_nonzero(light)
    if not count or count < 0.67 * np.count_nonzero(coloured) or not np.isfinite(grey).all():
        return None
    between = coloured & ~light
    if between.any():
        middle = between & (grey >= 48) & (grey <= 207)
        rounded = np.clip(grey, 0, 255).astype(np.uint8)
        window = np.ones((5, 5), np.uint8)
        flat = middle & (cv2.dilate(rounded, window) - cv2.erode(rounded, window) <= 4)
        if np.count_nonzero(flat) > 0.002 * count:  # an area, no edge
            return None
        if not lossy and len(np.unique(grey[between])) == 1:  # a third value: is it where black meets white?
            near = [cv2.dilate(part.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0 for part in (light, ~coloured)]
            if np.count_nonzero(between & near[0] & near[1]) < 0.9 * np.count_nonzero(between):
                return None
    return grey > 127


def _refused(path: str | Path, found: np.ndarray, expected: str) -> DataError:
    some = ', '.join(f'{value:g}' for value in found[:6])
    classes = found.dtype.kind in 'ui' and 2 < len(found) <= 8 and found[0] == 0 and found[-1] < 128
    hint = "; label_values='not_black' reads all classes but 0 as vessel" if classes else ''
    return DataError(f'{path} holds {len(found)} different values ({some}{", ..." if len(found) > 6 else ""}); {expected}{hint}')

"""Reading pictures, labels and field-of-view masks, and refusing what is not one."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import DataError

PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.gif', '.bmp', '.ppm', '.pgm')
_PICTURE_MODES = ('RGB', 'L', 'P', 'RGBA', '1')


def _open(path) -> Image.Image:
    """Decode a whole file with Pillow; any failure becomes a :class:`DataError` that names it."""
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except FileNotFoundError as error:
        raise DataError(f'{path}: file not found') from error
    except UnidentifiedImageError as error:
        raise DataError(f'{path} is no picture that Pillow can read ({Path(path).stat().st_size:,} bytes)') from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise DataError(f'{path} is truncated or damaged ({error}); copy or download it again') from error


def read_picture(path) -> np.ndarray:
    """Read an 8-bit photograph as ``(H, W, 3)`` uint8 RGB, as stored (an EXIF orientation is not applied, as none is in labels).

    Raises:
        DataError: If the file cannot be decoded or is not 8-bit grey or colour.
    """
    image = _open(path)
    if image.mode not in _PICTURE_MODES:
        raise DataError(f'{path} is a picture of mode {image.mode}; 8-bit grey or RGB was expected, convert it first')
    return np.asarray(image.convert('RGB'))


def read_mask(path) -> np.ndarray:
    """Read a vessel label or field-of-view mask as ``(H, W)`` uint8 of 0 and 1.

    Grey value above 127 is 1; a file that holds only 0 and 1 is taken as it is.  Palette GIF, 1-bit, 8-bit and 16-bit files are
    understood.

    Raises:
        DataError: If the file cannot be decoded or is not black and white.
    """
    image = _open(path)
    if image.mode.startswith(('I', 'F')):
        values = np.asarray(image)
        grey = values if values.max(initial=0) <= 255 else values / 257.0  # 16 bit: 65535 -> 255
    else:
        grey = np.asarray(image.convert('L'))
    levels = np.unique(grey)
    if len(levels) > 2:
        some = ', '.join(f'{value:g}' for value in levels[:6])
        raise DataError(
            f'{path} holds {len(levels)} different values ({some}{", ..." if len(levels) > 6 else ""}); '
            'a label or mask holds two, 0 and 255 (or 0 and 1)'
        )
    if set(levels.tolist()) <= {0, 1}:
        return grey.astype(np.uint8)
    if len(levels) == 2 and not levels[0] <= 127 < levels[1]:
        raise DataError(f'{path} holds the values {levels[0]:g} and {levels[1]:g}; a label or mask holds 0 and 255 (or 0 and 1)')
    return (grey > 127).astype(np.uint8)

"""Reading pictures, plain or gzipped, and refusing what is not one."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path, PurePath

import numpy as np
from mmengine.fileio import register_backend
from mmengine.fileio.backends import LocalBackend
from PIL import Image, UnidentifiedImageError

from ..errors import DataError
from ..fileio.reading import read_bytes, truncated

MOST_SCANS = 100  # of a JPEG: each is decoded over the whole picture; libtiff stops there too
_FORMATS = ('PNG', 'JPEG', 'TIFF', 'GIF', 'BMP', 'PPM', 'WEBP')  # of Pillow's forty: the others' decoders are not let near a file
_PICTURE_MODES = ('RGB', 'L', 'P', 'RGBA', '1')
_MARKER = re.compile(rb'\xff([^\x00\xff\xd0-\xd7])')  # of a JPEG, but for those within the coded pixels


def stem_of(path: str | PurePath) -> str:
    """A picture's name without its suffix: ``im0001`` for ``im0001.ppm.gz``."""
    return Path(Path(path).name.removesuffix('.gz')).stem


def picture_size(path: str | Path) -> tuple[int, int]:
    """Height and width of a picture file in pixels, without decoding it; raises :class:`DataError` if it is none."""
    with opened(path, read_bytes(path)) as image:
        width, height = image.size
    return height, width


@register_backend('gunzip', force=True)
class GunzipBackend(LocalBackend):
    """Lets mmcv's ``LoadImageFromFile(backend_args=dict(backend='gunzip'))`` read gzipped pictures beside plain ones."""

    def get(self, filepath: str | Path) -> bytes:
        return read_bytes(filepath)


def check_scans(path: str | Path, data: bytes) -> None:
    """Refuse a JPEG of kilobytes whose decoding takes hours: of endlessly many passes over the picture, or segments before it."""
    scans, at = 0, 2
    for _ in range(100_000):
        found = _MARKER.search(data, at)
        if not found or found[1] == b'\xd9':
            return
        scans += found[1] == b'\xda'
        if scans > MOST_SCANS:
            break
        at = found.end() + (0 if found[1] in b'\x01\xd8' else int.from_bytes(data[found.end() : found.end() + 2], 'big'))
    raise DataError(f'{path} is a JPEG of more than {MOST_SCANS} scans, or of very many segments; save it again, as PNG')


@contextlib.contextmanager
def opened(path: str | Path, data: bytes) -> Iterator[Image.Image]:
    """``data`` as a Pillow image, whose decoder may raise nearly anything: it becomes a :class:`DataError` that names ``path``."""
    if data.startswith(b'\xff\xd8'):
        check_scans(path, data)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            yield image
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f'{path} is no picture that Pillow can read ({len(data):,} bytes)') from error
    except Exception as error:
        raise truncated(path, error) from error


def decoded(path: str | Path) -> Image.Image:
    """A whole file, decoded by Pillow; raises :class:`DataError` if that is impossible."""
    with opened(path, read_bytes(path)) as image:
        image.load()
        return image


def read_picture(path: str | Path) -> np.ndarray:
    """Read an 8-bit photograph as ``(H, W, 3)`` uint8 RGB, as stored (an EXIF orientation is not applied, as none is in labels).

    Raises:
        DataError: If the file cannot be decoded or is not 8-bit grey or colour.
    """
    image = decoded(path)
    if image.mode not in _PICTURE_MODES:
        raise DataError(f'{path} is a picture of mode {image.mode}; 8-bit grey or RGB was expected, convert it first')
    return np.asarray(image.convert('RGB'))


def palette_of(image: Image.Image) -> np.ndarray:
    """Colours ``(256, 3)`` uint8 of a palette picture's indices; black where the palette ends."""
    stored = np.array(image.getpalette('RGB') or [], np.uint8).reshape(-1, 3)
    return np.concatenate([stored, np.zeros((256 - len(stored), 3), np.uint8)])


def read_grey(path: str | Path, strict: bool = False) -> tuple[np.ndarray, float]:
    """Read a grey picture as it is stored.

    Args:
        path (str | Path): The file.
        strict (bool): Refuse colours and transparency instead of turning them to grey.

    Returns:
        tuple[np.ndarray, float]: ``(H, W)`` and the value that is white: 255, 65535 for 16 bit, 1 for float pictures.

    Raises:
        DataError: If the file cannot be decoded, or is not grey.
    """
    image = decoded(path)
    if image.mode == 'P' and 'transparency' not in image.info and np.asarray(image).max(initial=0) == 1:
        black, white = palette_of(image)[:2].astype(int)
        if np.ptp(black) > 4 or np.ptp(white) > 4 or (black == white).all():  # class numbers, whatever their colours
            return np.asarray(image), 255.0
    if strict and not image.mode.startswith(('F', 'I', 'L', '1')):
        red, green, blue, alpha = (np.asarray(band).astype(int) for band in image.convert('RGBA').split())
        grey = max(np.abs(red - green).max(initial=0), np.abs(green - blue).max(initial=0)) <= 4  # palettes round
        if not grey or ('A' in image.mode and alpha.min(initial=255) < alpha.max(initial=0)):
            raise DataError(f'{path} is coloured or transparent (mode {image.mode}); save it as a grey picture')
    if image.mode.startswith('F'):
        return np.asarray(image), 1.0
    if image.mode.startswith('I'):
        return np.asarray(image), 65535.0
    return np.asarray(image.convert('L')), 255.0

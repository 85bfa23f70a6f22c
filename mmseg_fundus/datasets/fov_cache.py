import contextlib
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import DataError
from ..fileio.cache_folder import cache_folder
from ..fileio.reading import read_bytes
from ..fileio.whole_files import write_whole
from .exchanged import check_fov
from .fov import find_fov
from .label_file import read_mask
from .reading import opened, read_picture

FOUND_VERSION = 1  # of find_fov: another number, other files


def cached_fov(path: str | Path) -> np.ndarray:
    """Field of view of a picture file, found once and kept under the hash of the file's contents.

    A cache that cannot be written or read changes nothing but the time.

    Args:
        path (str | Path): The picture.

    Returns:
        np.ndarray: ``(H, W)`` uint8 of 0 and 1, see :func:`.find_fov`.

    Raises:
        DataError: If the picture cannot be read.
    """
    data = read_bytes(path)
    key = hashlib.sha256(data).hexdigest()
    file = cache_folder() / f'fov-v{FOUND_VERSION}' / key[:2] / f'{key}.png'
    with opened(path, data) as image:
        size = image.size[::-1]
    with contextlib.suppress(DataError):
        fov = read_mask(file)
        if fov.shape == size:
            return fov
    fov = find_fov(read_picture(path))
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, lambda temporary: Image.fromarray(fov * 255).convert('1').save(temporary, 'PNG'))
    return fov


def field_of_view(info: dict[str, Any], picture: np.ndarray) -> np.ndarray:
    """Field of view of a sample: its mask file, the whole frame, or found.

    Args:
        info (dict): A data set's sample: ``fov_path``, ``fov_mode``, ``img_path``, and ``ori_shape``, the size of the picture's file,
            all optional.
        picture (np.ndarray): ``(h, w, 3)`` uint8, perhaps resized since it was read.

    Returns:
        np.ndarray: ``(H, W)`` uint8 of 0 and 1, of the size of the picture's file.

    Raises:
        DataError: If the mask is unreadable, empty, inverted, or not of the picture's size.
    """
    if info.get('fov_mode') == 'none':
        return np.ones(native_shape(info, picture), np.uint8)
    if 'fov_path' in info:
        mask = check_size(read_mask(info['fov_path']), picture, info['fov_path'], info)
        return check_fov(mask, picture, info['fov_path'])
    return cached_fov(info['img_path']) if info.get('img_path') else find_fov(picture)


def native_shape(info: dict[str, Any], picture: np.ndarray) -> tuple[int, ...]:
    """Height and width of a sample's picture file: labels and masks are of that size, whatever a pipeline has made of the picture."""
    return tuple((info.get('ori_shape') or picture.shape)[:2])


def check_size(mask: np.ndarray, picture: np.ndarray, path: str | Path, info: dict[str, Any]) -> np.ndarray:
    """``mask``, if it is of its picture's native size; raises :class:`DataError` naming both files otherwise."""
    if mask.shape[:2] != native_shape(info, picture):
        (height, width), (h, w) = mask.shape[:2], native_shape(info, picture)
        raise DataError(f'{path} is {width}x{height} pixels, its picture {info.get("img_path")} is {w}x{h}')
    return mask

import contextlib
import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import DataError
from ..files import write_whole
from .fov_cache import FOUND_VERSION, cache_folder
from .reading import read_bytes

KEPT_BYTES = 4e9  # decoded pictures of a larger data set are not kept


def sample_digest(info: dict) -> str:
    """16 hexadecimal digits for a sample's name and the contents of its files: what its views are made from."""
    found = hashlib.sha256(f'{info["name"]} {info["fov_mode"]} {FOUND_VERSION}'.encode())
    for key in ('img_path', 'seg_map_path', 'fov_path'):
        found.update(hashlib.sha256(Path(info[key]).read_bytes()).digest() if key in info else b'-')
    return found.hexdigest()[:16]


def decoded_size(samples: list) -> int:
    """Bytes of all samples' pictures and labels, decoded; a file that is no picture counts nothing here."""
    total = 0
    for sample in samples:
        with contextlib.suppress(OSError, DataError):
            total += 4 * np.prod(Image.open(io.BytesIO(read_bytes(sample['img_path']))).size)
    return total


class DecodedPictures:
    """Decoded pictures and labels of a small data set, in memory once for all processes of a machine.

    They are files that are mapped into memory, so that the operating system holds one copy whoever reads them, and gives it up
    when memory is short.  Without room for them nothing changes but the time.
    """

    def __init__(self):
        self.folder = cache_folder() / 'decoded-v1'
        self._digests = {}

    def load(self, info: dict, decode) -> dict:
        """A sample with ``img`` ``(H, W, 3)`` and ``gt_seg_map`` ``(H, W)``, both uint8 and read-only.

        Args:
            info (dict): The data set's sample.
            decode (callable): Makes them from ``info``, the first time.
        """
        key = info['img_path']
        if key not in self._digests:
            self._digests[key] = sample_digest(info)
        file = self.folder / f'{self._digests[key]}.npy'
        try:
            planes = np.load(file, mmap_mode='r')
        except (OSError, ValueError, EOFError):
            results = decode(info)
            with contextlib.suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                planes = np.concatenate([results['img'].reshape(-1), results['gt_seg_map'].reshape(-1)])
                shape = np.array(results['img'].shape[:2], np.int64).view(np.uint8)
                write_whole(file, lambda path: _save(path, np.concatenate([shape, planes])))
            return results
        height, width = (int(side) for side in planes[:16].view(np.int64))
        split = 16 + 3 * height * width
        return dict(
            info,
            img=planes[16:split].reshape(height, width, 3),
            gt_seg_map=planes[split:].reshape(height, width),
            img_shape=(height, width),
            ori_shape=(height, width),
            seg_fields=['gt_seg_map'],
        )


def _save(path: Path, array: np.ndarray) -> None:
    with open(path, 'wb') as file:  # np.save would add .npy to a temporary name
        np.save(file, array)

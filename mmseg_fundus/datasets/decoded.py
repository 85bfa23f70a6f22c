import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from ..fileio.cache_folder import cache_folder
from ..fileio.checksum import file_sha256
from ..fileio.record_folder import RecordFolder
from .fov_cache import FOUND_VERSION
from .label_file import READING
from .reading import picture_size

KEPT_BYTES = 4e9  # decoded pictures of a larger data set are not kept


def sample_digest(info: dict[str, Any]) -> str:
    """16 hexadecimal digits for a sample's name and the contents of its files: what its views are made from."""
    found = hashlib.sha256(f'{info["name"]} {info["fov_mode"]} {info.get("label_values")} {FOUND_VERSION} {READING}'.encode())
    for key in ('img_path', 'seg_map_path', 'fov_path'):
        found.update(bytes.fromhex(file_sha256(info[key])) if key in info else b'-')
    return found.hexdigest()[:16]


class DecodedPictures:
    """Decoded pictures, labels and fields of view of a small data set, held once for all processes of a machine.

    They are records in the cache folder, read through the operating system's page cache, which is one copy in memory whoever
    reads, and is given up when memory is short.  Without room for them nothing changes but the time.

    Args:
        samples (Sequence[dict]): The data set's.
    """

    def __init__(self, samples: Sequence[dict[str, Any]]) -> None:
        self.records = RecordFolder(cache_folder() / 'decoded-v2')
        self.sizes: dict[str, tuple[int, int]] = {}
        for sample in samples:
            try:
                self.sizes[sample['img_path']] = picture_size(sample['img_path'])
            except DataError:  # told when it is decoded
                continue
        self.small = sum(5 * height * width for height, width in self.sizes.values()) <= KEPT_BYTES
        self._digests: dict[str, str] = {}

    def load(self, info: dict[str, Any], decode: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """A sample with ``img`` ``(H, W, 3)``, ``gt_seg_map`` and ``fov`` ``(H, W)``, all uint8.

        Args:
            info (dict): The data set's sample.
            decode (callable): Makes them from ``info``, the first time.
        """
        path = info['img_path']
        if not self.small or path not in self.sizes:
            return decode(info)
        if path not in self._digests:
            self._digests[path] = sample_digest(info)
        name, (height, width) = self._digests[path], self.sizes[path]
        planes = self.records.read(name, 0, (5 * height * width,), np.uint8)
        if planes is None:
            results = decode(info)
            if results['img'].shape == (height, width, 3) and sample_digest(info) == name:
                self.records.write(name, 0, np.concatenate([results[key].reshape(-1) for key in ('img', 'gt_seg_map', 'fov')]))
            return results
        return dict(
            info,
            img=planes[: 3 * height * width].reshape(height, width, 3),
            gt_seg_map=planes[3 * height * width : 4 * height * width].reshape(height, width),
            fov=planes[4 * height * width :].reshape(height, width),
            img_shape=(height, width),
            ori_shape=(height, width),
            seg_fields=['gt_seg_map'],
        )

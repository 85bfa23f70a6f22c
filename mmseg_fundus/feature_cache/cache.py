import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..datasets.decoded import sample_digest
from ..fileio.record_folder import RecordFolder
from .cached_views import MapKey

VERSION = 1  # of what is stored and how views are drawn: another number, other files


def digest(*parts) -> str:
    """16 hexadecimal digits that stand for JSON-like values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


class FeatureCache:
    """The views of a training's pictures and the frozen encoder's maps of them, each computed once.

    A view (picture and label, uint8) lies under the contents of its picture's files, the way of drawing and its number; the maps
    (float16) also under the encoder's weights and settings, and count only with the very view that they were computed from.

    Args:
        folder (str | Path): Where the caches of all trainings lie.
        samples (Sequence[dict]): The data set's, in its order.
        drawing (str): Settings and seed of the random view.
        encoder (str): What tells the encoder and its input apart from others.
        size (Sequence[int]): Height and width of a view.
        map_shape (Sequence[int]): ``(levels, h, w, channels)`` of its maps.

    Raises:
        OSError: If a file of a sample cannot be read.
    """

    def __init__(self, folder, samples, drawing: str, encoder: str, size, map_shape):
        drawn = digest(VERSION, drawing)
        self.views = RecordFolder(Path(folder) / f'views-{drawn}')
        self.maps = RecordFolder(Path(folder) / f'maps-{digest(drawn, encoder)}')
        self.view_shape = (4, *size)
        self.map_shape = tuple(map_shape)
        with ThreadPoolExecutor() as pool:
            self.pictures = dict(zip((sample['name'] for sample in samples), pool.map(sample_digest, samples)))

    @property
    def bytes_per_view(self) -> int:
        """Disk space of one view and its maps."""
        return RecordFolder.record_size(self.view_shape, np.uint8) + RecordFolder.record_size(self.map_shape, np.float16)

    def keep(self, maps: np.ndarray, key: MapKey) -> None:
        """Store the maps of a view that :class:`.CachedViews` handed out without."""
        self.maps.write(key.name, key.number, maps, key.seal)

    def size(self) -> int:
        """Bytes of this training's pictures that are there already."""
        return self.views.size(self.pictures.values()) + self.maps.size(self.pictures.values())


class PictureCache:
    """The maps of whole pictures, for validation: under the encoder and the way of predicting.

    Args:
        folder (str | Path): Where the caches of all trainings lie.
        encoder (str): As in :class:`FeatureCache`.
    """

    def __init__(self, folder, encoder: str):
        self.folder = Path(folder)
        self.encoder = encoder
        self._records = {}

    def records(self, test_cfg: dict) -> RecordFolder | None:
        """Where the maps lie for a model's ``test_cfg``; ``None`` with test-time augmentation, whose windows differ in size."""
        if test_cfg.get('tta'):
            return None
        prediction = digest(VERSION, self.encoder, {k: v for k, v in test_cfg.items() if k not in ('threshold', 'window_batch')})
        return self._records.setdefault(prediction, RecordFolder(self.folder / f'pictures-{prediction}'))

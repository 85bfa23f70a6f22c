from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..datasets.decoded import sample_digest
from ..fileio.record_folder import RecordFolder
from .keys import digest

VERSION = 1  # of what is stored of a view and how it is drawn: another number, other files
WINDOWS_VERSION = 2  # of what is stored of a picture that is predicted


class Kept(NamedTuple):
    """Where the views of a picture and their maps lie: two folders, and the files' name in both."""

    views: RecordFolder
    maps: RecordFolder
    name: str


class FeatureCache:
    """The views of a training's pictures and the frozen encoder's maps of them, each computed once.

    A view (picture and label, uint8) lies under the contents of its picture's files, the way of drawing, the angle that the picture
    shows, and its number; the maps (float16) also under the encoder's weights and settings, and count only with the very view that
    they were computed from.  A training on several data sets has one for each, and shares the files of a training on one of them.

    Args:
        folder (str | Path): Where the caches of all trainings lie.
        samples (Sequence[dict]): The data set's, in its order, with ``name`` and ``field_angle``.
        drawing (str): Settings and seed of the random view.
        encoder (str): What tells the encoder and its input apart from others.
        size (Sequence[int]): Height and width of a view.
        map_shape (Sequence[int]): ``(levels, h, w, channels)`` of its maps.

    Raises:
        OSError: If a file of a sample cannot be read.
    """

    def __init__(
        self,
        folder: str | Path,
        samples: Sequence[dict[str, Any]],
        drawing: str,
        encoder: str,
        size: Sequence[int],
        map_shape: Sequence[int],
    ) -> None:
        self.view_shape = (4, *size)
        self.map_shape = tuple(map_shape)
        folders = {}
        for angle in {sample['field_angle'] for sample in samples}:
            drawn = digest(VERSION, f'{drawing}, {angle} degrees')
            maps = f'maps-{digest(drawn, encoder)}'
            folders[angle] = RecordFolder(Path(folder) / f'views-{drawn}'), RecordFolder(Path(folder) / maps)
        with ThreadPoolExecutor() as pool:
            names = pool.map(sample_digest, samples)
            self.pictures = {sample['name']: Kept(*folders[sample['field_angle']], name) for sample, name in zip(samples, names)}

    @property
    def bytes_per_view(self) -> int:
        """Disk space of one view and its maps."""
        return RecordFolder.record_size(self.view_shape, np.uint8) + RecordFolder.record_size(self.map_shape, np.float16)

    def size(self) -> int:
        """Bytes of this training's pictures that are there already."""
        return sum(folder.size([name]) for views, maps, name in self.pictures.values() for folder in (views, maps))


def window_records(folder: str | Path, encoder: str) -> RecordFolder:
    """Where the maps of predicted pictures lie.

    Args:
        folder (str | Path): Where the caches of all trainings lie.
        encoder (str): As in :class:`FeatureCache`.
    """
    return RecordFolder(Path(folder) / f'pictures-{digest(WINDOWS_VERSION, encoder)}')

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..classes import MOST_SPREAD, PALETTE
from ..errors import DataError
from ..fileio.whole_files import write_whole

SPREADS = 'uncertainty'
WAITING = 16  # masks that may wait for the disk before a prediction waits for them


def save_grey(path: Path, values: np.ndarray, most: float = 1.0) -> None:
    """Write a map ``(H, W)`` of 0 to ``most`` as a PNG of 16 bit, in which 65535 is ``most``."""
    image = Image.fromarray(np.round(values * (65535 / most)).astype(np.uint16))
    image.save(path, 'PNG', compress_level=4)  # half the time of 6, .3 % larger


class MaskWriter:
    """Writes masks as black and white PNG while the next picture is predicted; a file has its name only once it is whole.

    Where a mask has an uncertainty, that goes into the folder :data:`SPREADS` in it, see :func:`save_grey`.

    The files hold the class numbers 0 and 1, as mmsegmentation's tools want them, and a palette of black and white, which everybody sees.

    Args:
        folder (str | Path): Made if needed.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()
        self._sources: dict[str, Any] = {}

    def write(self, name: str, mask: np.ndarray, source: Any = None, spread: np.ndarray | None = None) -> None:
        """Put ``mask`` ``(H, W)`` in line for ``<name>.png``; an earlier one's ``OSError`` is raised here or in :meth:`finish`.

        A ``spread`` ``(H, W)`` of 0 to 0.5 goes into ``uncertainty/<name>.png``.

        Raises:
            DataError: If the mask of another ``source`` has that name, in upper or lower case.
        """
        before = self._sources.setdefault(name.casefold(), source)
        if before != source:
            raise DataError(
                f"two pictures are called {name} ({before[0]}, {source[0]}): the mask of one would overwrite the other's. "
                "Add picture_names=dict(type='PictureNamesHook') to default_hooks, which tells them apart"
            )
        while len(self._waiting) >= WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._write, self.folder / f'{name}.png', mask))
        if spread is not None:
            self._waiting.append(self._thread.submit(self._write_spread, self.folder / SPREADS / f'{name}.png', spread))

    def finish(self) -> None:
        """Wait until all are written."""
        while self._waiting:
            self._waiting.popleft().result()
        self._sources = {}

    @staticmethod
    def _write_spread(path: Path, spread: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda temporary: save_grey(temporary, spread, MOST_SPREAD))

    @staticmethod
    def _write(path: Path, mask: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(mask.astype(np.uint8))
        image.putpalette(sum(PALETTE, []))
        write_whole(path, lambda temporary: image.save(temporary, 'PNG'))

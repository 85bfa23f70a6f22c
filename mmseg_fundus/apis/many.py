"""Predicting many photographs: the next are read and the last are written while one is predicted."""

import contextlib
import ctypes
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from ..datasets.photograph import read_photograph
from ..errors import DataError
from ..progress import bar
from .folder import PredictionFolder
from .inferencer import FundusVesselInferencer

AHEAD = 1  # photographs that are read while one is predicted, and predictions that wait to be written
LARGE = 12 * 2**20  # bytes of a photograph, from which on nothing is written while the next is predicted: that takes .3 GB


MMAP_THRESHOLD, BLOCK = -3, 8 * 2**20  # glibc's M_MMAP_THRESHOLD, and bytes


def _give_large_blocks_back() -> None:
    """Have glibc give blocks of :data:`BLOCK` and more back when they are freed (``man mallopt``); elsewhere nothing is changed.

    Left alone it raises that size to 32 MiB, and the holes between blocks stay: 1.6 GB instead of 1.3 after three photographs of HRF.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, BLOCK)


def _read(path: Path) -> np.ndarray | Exception:
    """A photograph, or the error that is to be told at the end."""
    try:
        return read_photograph(path)
    except (DataError, MemoryError) as error:
        return error


def predict_all(
    infer: FundusVesselInferencer, photographs: dict[Path, Path], out: PredictionFolder, fov: str | None = 'auto'
) -> tuple[int, dict[Path, str]]:
    """Predict what is not done.

    Args:
        infer (FundusVesselInferencer): The model.
        photographs (dict[Path, Path]): File to the name of its prediction, of :func:`.find_photographs`.
        out (PredictionFolder): Where the predictions go.
        fov (str, optional): Field of view, as :meth:`FundusVesselInferencer.predict` takes it.

    Returns:
        tuple[int, dict[Path, str]]: How many were predicted, and what was wrong with those that could not be, by file.
    """
    _give_large_blocks_back()
    waiting = {path: name for path, name in photographs.items() if not out.is_done(name)}
    errors, written = dict[Path, str](), deque[Future[None]]()
    with bar('predict', len(waiting)) as shown, ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        paths = iter(waiting)
        pictures = deque((path, reader.submit(_read, path)) for path in islice(paths, AHEAD))
        while pictures:
            path, reading = pictures.popleft()
            picture = reading.result()
            pictures.extend((path, reader.submit(_read, path)) for path in islice(paths, 1))
            try:
                if isinstance(picture, Exception):
                    raise picture
                while len(written) > (0 if picture.nbytes > LARGE else AHEAD):
                    written.popleft().result()
                written.append(writer.submit(out.write, waiting[path], infer.predict(picture, fov, path.name)))
            except (DataError, MemoryError) as error:
                errors[path] = str(error) or 'not enough memory'
            shown.step()
        for future in written:
            future.result()
    return len(waiting) - len(errors), errors

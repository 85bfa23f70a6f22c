import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from torch.utils.data import get_worker_info

from ..errors import DataError
from .checksum import checksum, open_regular

_MARK = b'REC1'  # behind every record, with its checksum


class RecordFolder:
    """Arrays of one shape per file, numbered, that any number of processes read and write at once.

    A file is a row of records, each an array's bytes, a checksum and a mark; a record that was never written is a hole.  Reading
    checks the sum, so that a record cut short by a kill or a full disk, damaged, being written by somebody else at this moment, or
    made from something else (its ``seal`` differs) is simply not there.  Files are read through the operating system's page cache,
    which all processes of a machine share.

    A write that fails is logged once and ends writing for this process; what is there stays readable.

    Args:
        folder (str | Path): Made when the first record is written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.writable = True
        self._told = False

    def file(self, name: str) -> Path:
        """Where the records called ``name`` lie."""
        return self.folder / f'{name}.records'

    @staticmethod
    def record_size(shape: Sequence[int], dtype: Any) -> int:
        """Bytes that a record takes."""
        return int(np.prod(shape)) * np.dtype(dtype).itemsize + 8

    def read(self, name: str, number: int, shape: Sequence[int], dtype: Any, seal: int = 0) -> np.ndarray[Any, Any] | None:
        """Record ``number`` of ``name``; ``None`` if there is no whole one with this seal.

        Args:
            name (str): Of the file.
            number (int): From 0.
            shape (Sequence[int]), dtype: Of the array.
            seal (int): What the record must have been written with, 32 bits.

        Returns:
            np.ndarray | None: Writable.
        """
        size = self.record_size(shape, dtype)
        buffer = np.empty(size, np.uint8)
        try:
            with open_regular(self.file(name)) as file:
                count = os.preadv(file.fileno(), [buffer.data], number * size)
        except (OSError, DataError):
            return None
        if count < size or buffer[-8:].tobytes() != _trailer(buffer[:-8], seal):
            return None
        return buffer[:-8].view(dtype).reshape(shape)

    def write(self, name: str, number: int, array: np.ndarray[Any, Any], seal: int = 0) -> None:
        """Put an array at ``number`` of ``name``; one that is there already is replaced."""
        if not self.writable:
            return
        array = np.ascontiguousarray(array)
        payload = array.reshape(-1).view(np.uint8)
        record = np.concatenate([payload, np.frombuffer(_trailer(payload, seal), np.uint8)]).data
        position = number * len(record)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = os.open(self.file(name), os.O_RDWR | os.O_CREAT, 0o644)
            try:
                if os.pread(file, 8, position + len(payload)).strip(b'\0'):
                    if os.pread(file, len(record), position) == record:
                        return  # another process was faster
                    self._tell(f'a record of {self.file(name)} was damaged or out of date and is computed again')
                written = 0
                while written < len(record):
                    written += os.pwrite(file, record[written:], position + written)
            finally:
                os.close(file)
        except OSError as error:
            self.writable = False
            self._told = False
            self._tell(f'{self.folder}: {error.strerror}; nothing more is kept there, what is missing is computed each time')

    def size(self, names: Iterable[str] = ('*',)) -> int:
        """Bytes that the records of these names (``*`` and ``?`` stand for anything) take on disk."""
        return sum(path.stat().st_blocks * 512 for name in names for path in self.folder.glob(f'{name}.records'))

    def _tell(self, message: str) -> None:
        if not self._told and get_worker_info() is None:
            print_log(f'cache: {message}', logger='current', level=30)
        self._told = True


def _trailer(payload: np.ndarray[Any, Any], seal: int) -> bytes:
    return checksum(payload, seal).to_bytes(4, 'little') + _MARK

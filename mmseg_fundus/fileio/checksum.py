import hashlib
import io
import os
import stat
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..errors import DataError


def checksum(data: bytes | np.ndarray[Any, Any], start: int = 0) -> int:
    """CRC-32 of bytes or of an array's bytes, going on from another one's."""
    return zlib.crc32(np.ascontiguousarray(data).reshape(-1).view(np.uint8).data if isinstance(data, np.ndarray) else data, start)


def tensors_sha256(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """SHA-256 of named tensors, names and values (32 bytes), whatever their order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.digest()


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def open_regular(path: str | os.PathLike[str]) -> io.FileIO:
    """Open a file for reading, unbuffered; of a pipe or a device, reading could wait for ever or never end.

    Raises:
        OSError: As ``open`` does.
        DataError: If it is no regular file.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError as error:  # a NUL or a lone surrogate in the name
        raise DataError(f'{path!r} is no name that a file can have') from error
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        found = 'a folder' if stat.S_ISDIR(mode) else 'a pipe, a device or the like'
        raise DataError(f'{path} is no regular file but {found}; give a file')
    return open(number, 'rb', buffering=0)

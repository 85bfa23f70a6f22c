"""Reading a whole file, plain or gzipped, with bounds; and JSON."""

import gzip
import io
import json
import os
import zlib
from typing import Any

from ..errors import DataError
from .checksum import open_regular

MOST_BYTES = 2**30
MOST_JSON = 256 * 2**20


def read_bytes(path: str | os.PathLike[str], most: int | None = None) -> bytes:
    """A file's contents, those of a ``.gz`` unpacked.

    Raises:
        DataError: If the file is missing, is a folder, a pipe or a device, is no whole gzip file, or is larger than ``most`` bytes (1
            GiB), packed or unpacked.
    """
    most = MOST_BYTES if most is None else most
    try:
        with open_regular(path) as raw, io.BufferedReader(raw) as file:
            source = gzip.GzipFile(fileobj=file) if str(path).lower().endswith('.gz') else file
            data = source.read(most + 1)
    except FileNotFoundError as error:
        raise DataError(f'{path}: file not found') from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise truncated(path, error) from error
    except OSError as error:
        raise DataError(f'{path}: {error.strerror or error}') from error
    if len(data) > most:
        raise DataError(f'{path} holds more than {most / 2**20:,.0f} MiB: no file that is read here is that large')
    return data


def read_json(path: str | os.PathLike[str]) -> Any:
    """What a JSON file holds.

    Raises:
        DataError: If it is missing, no regular file, larger than 256 MiB, or no JSON, or nested more than 100 deep.
    """
    try:
        value = json.loads(read_bytes(path, MOST_JSON))
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError(f'{path} cannot be read as JSON ({type(error).__name__}: {" ".join(str(error).split())[:200]})') from error
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(100):  # whoever goes through it makes a call for each level
        if not level:
            return value
        items = (item for found in level for item in (found.values() if isinstance(found, dict) else found))
        level = [item for item in items if isinstance(item, (dict, list))]
    raise DataError(f'{path} cannot be read as JSON: it is nested more than 100 deep')


def truncated(path: str | os.PathLike[str], error: Exception) -> DataError:
    """What a decoder's ``error`` on a file means to its user."""
    return DataError(f'{path} is truncated or damaged ({" ".join(str(error).split())[:200]}); copy or download it again')

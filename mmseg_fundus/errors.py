"""Errors a user can act on.

Each message is one sentence or two: which file, what was found, what was expected, what to do.  The tools print the message alone,
without a traceback, and exit with status 1.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager


class FundusError(Exception):
    """Base class of every error that mmseg_fundus raises on bad input."""


class FileError(FundusError):
    """A file of tensors that is missing, damaged, of another kind, or needs more than data to be read (see :func:`told_as`)."""


class WeightsError(FundusError):
    """An encoder weights file that is missing, unreadable or does not fit."""


class CheckpointError(FundusError):
    """A training checkpoint that does not fit the model it is loaded into."""


class DataError(FundusError):
    """A data set, picture, table or the like that is missing, incomplete or unusable."""


class NothingThereError(DataError):
    """A folder that does not exist or holds nothing of the kind: that part of a data set was not unpacked."""


class WriteError(FundusError, OSError):
    """A file that could not be written: the disk is full, the folder read-only."""


class StackError(FundusError, ImportError):
    """OpenMMLab packages, or OpenCV, that are missing, mixed, too old, or cannot be loaded."""


class TrainingError(FundusError):
    """A training that cannot go on."""


class ConfigError(FundusError):
    """A configuration that asks for something unknown or contradictory."""


@contextmanager
def told_as(kind: type[FundusError]) -> Iterator[None]:
    """Raise a :class:`FileError` of the block as an error of another kind, in the same words."""
    try:
        yield
    except FileError as error:
        raise kind(str(error)) from error


def printable(text: str) -> str:
    """``text`` with what would steer a terminal (in a file's name, a checkpoint's key) spelt out."""
    return ''.join(c if c.isprintable() else c.encode('unicode_escape', 'surrogatepass').decode() for c in text)


def plain(text: str, most: int = 100) -> str:
    """A name or note out of a file, short and without control characters, to be shown."""
    return printable(text[:most]) + '...' * (len(text) > most)


def one_line(error: Exception) -> str | None:
    """What an error of ours, or of a file that cannot be opened, says to the user; ``None`` of another error."""
    if isinstance(error, OSError) and not isinstance(error, FundusError):
        return f'{error.filename}: {error.strerror}' if error.filename else None
    if not isinstance(error, FundusError):
        return None
    text = str(error)
    if 'Original Traceback' in text:  # out of a data loader's worker, as a printed traceback
        text = re.split(r'\w*Error: ', text.strip().splitlines()[-1], maxsplit=1)[-1]
    text = printable(' '.join(text.split()))
    return f'{text}; a training goes on with --resume' if isinstance(error, WriteError) else text

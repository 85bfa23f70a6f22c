"""Files that a command names: found, or missing in one line.  Imports nothing that takes long, so a command asks before it begins."""

import functools
import os
import sys
from difflib import get_close_matches
from pathlib import Path

from .errors import CheckpointError, ConfigError, DataError, WeightsError, told_as
from .fileio.find import find_file
from .shipped import close_name, shipped_config

_NAMED_BY = 'Put it there, or name yours: --weights FILE, FUNDUS_WEIGHTS=FILE in the environment, or model.backbone.weights in the config'


def find_weights(path: str | os.PathLike[str]) -> Path:
    """Absolute path of a file of weights; raises :class:`WeightsError` if there is none, see :func:`find_file`."""
    with told_as(WeightsError):
        return find_file(path, 'weights file', _NAMED_BY)


def find_config(path: str | os.PathLike[str]) -> Path:
    """``path`` if it is a file; if nothing is there, the config of that name that comes with the package, which a line on stderr says.

    Raises:
        ConfigError: If there is neither; it names one that may be meant.
    """
    path = Path(path)
    if path.is_file():
        return path
    shipped = None if path.exists() or path.is_absolute() else shipped_config(path)
    if shipped:
        _say_once(f'config {path} is not in {Path.cwd()}; {shipped} is taken, which comes with the package')
        return shipped
    beside = sorted(p.name for p in path.parent.glob('*.py')) if path.parent.is_dir() else []
    close = next(iter(get_close_matches(path.name, beside, n=1)), '') or ('' if path.is_absolute() else close_name(path))
    raise ConfigError(f'config file not found: {path.absolute()}' + (f'; did you mean {close}?' if close else ''))


@functools.cache
def _say_once(line: str) -> None:
    if os.environ.get('RANK', '0') == '0':  # of several processes one
        print(line, file=sys.stderr)


def find_checkpoint(path: str | os.PathLike[str]) -> Path:
    """``path`` with its ``~`` expanded, if something is there; raises :class:`CheckpointError` otherwise."""
    found = Path(path).expanduser()
    if not found.exists():
        raise CheckpointError(f'checkpoint not found: {found.absolute()}')
    return found


def known_checkpoint(path: str) -> str:
    """``path`` if it is a file; raises :class:`ConfigError` otherwise."""
    if not os.path.isfile(path):
        raise ConfigError(f'checkpoint not found: {os.path.abspath(path)}')
    return path


def find_predictions(path: str | os.PathLike[str]) -> Path:
    """``path`` if it is a folder; raises :class:`DataError` otherwise."""
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f'{folder}: folder of predictions not found')
    return folder


def find_archive(path: str | os.PathLike[str]) -> Path:
    """``path`` if it is a regular file; raises :class:`DataError` otherwise."""
    archive = Path(path)
    if not archive.is_file():
        raise DataError(f'{archive}: archive not found, or no regular file')
    return archive


def find_run(path: str | os.PathLike[str]) -> Path:
    """``path``, a work folder or a file of results, if it is there; raises :class:`ConfigError` otherwise."""
    found = Path(path)
    if not found.exists():
        raise ConfigError(f'{found.absolute()} is not there; name a work folder or a results.json')
    return found

"""Files that a command names: found, or missing in one line.  Imports nothing that takes long, so a command asks before it begins."""

import os
from difflib import get_close_matches
from pathlib import Path

from ..errors import CheckpointError, ConfigError, DataError, FileError, WeightsError, plain, told_as

_NAMED_BY = 'Put it there, or name yours: --weights FILE, FUNDUS_WEIGHTS=FILE in the environment, or model.backbone.weights in the config'


def find_file(path: str | os.PathLike[str], kind: str = 'file', hint: str = '') -> Path:
    """Absolute path of an existing, non-empty file.

    Args:
        path (str | Path): ``~`` and environment variables are expanded.
        kind (str): What it is to be, for the messages.
        hint (str): What to do if it is missing, a sentence.

    Raises:
        FileError: With the places looked at, if there is none.
    """
    given = Path(os.path.expandvars(str(path))).expanduser()
    full = given if given.is_absolute() else Path.cwd() / given
    if full.is_dir():
        raise FileError(f'{full} is a folder; a {kind} was expected')
    if full.exists() and not full.is_file():
        raise FileError(f'{full} is a pipe or device; a {kind} was expected, save it to one')
    if not full.is_file():
        note = '' if given.is_absolute() else f' ({str(path)!r} seen from the current folder {Path.cwd()})'
        there = full.parent.iterdir() if full.parent.is_dir() else ()
        beside = sorted(plain(found.name) for found in there if found.suffix in ('.pth', '.safetensors'))[:5]
        holds = f'; that folder holds {", ".join(beside)}' if beside else ''
        raise FileError(f'{kind} not found: looked for {full}{note}{holds}{f". {hint}" if hint else ""}')
    if full.stat().st_size == 0:
        raise FileError(f'{full} is empty (0 bytes); copy or download it again')
    return full


def find_weights(path: str | os.PathLike[str]) -> Path:
    """Absolute path of a file of weights; raises :class:`WeightsError` if there is none, see :func:`find_file`."""
    with told_as(WeightsError):
        return find_file(path, 'weights file', _NAMED_BY)


def find_config(path: str | os.PathLike[str]) -> Path:
    """``path`` if it is a file; else a :class:`ConfigError` that names one beside it that may be meant."""
    path = Path(path)
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob('*.py')) if path.parent.is_dir() else []
        close = get_close_matches(path.name, beside, n=1)
        raise ConfigError(f'config file not found: {path.absolute()}' + (f'; did you mean {close[0]}?' if close else ''))
    return path


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

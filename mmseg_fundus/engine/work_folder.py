"""The checkpoints in a training's work folder: which there are, which are another training's, and whose folder it is."""

import fcntl
import itertools
import re
from pathlib import Path
from typing import TextIO

from ..errors import ConfigError
from ..fileio.archive import is_whole

KINDS = ('epoch', 'iter')


def _numbered(folder: Path, begin: str, kind: str) -> list[tuple[int, Path]]:
    matches = [(re.fullmatch(rf'{begin}{kind}_(\d+)\.pth', path.name), path) for path in folder.glob(f'*{kind}_*.pth')]
    return sorted((int(match.group(1)), path) for match, path in matches if match)


def numbered_checkpoints(folder: Path, kind: str = 'epoch') -> list[Path]:
    """``epoch_N.pth`` files of a folder, or ``iter_N.pth``, lowest number first."""
    return [path for _, path in _numbered(folder, '', kind)]


def _last_named(folder: Path) -> list[Path]:
    """What mmengine's hook noted in ``last_checkpoint``, which may have any name; seen from this folder, which may have been moved."""
    try:
        path = folder / Path((folder / 'last_checkpoint').read_text().strip()).name
        return [path] if path.is_file() else []
    except (OSError, ValueError):
        return []


def latest_whole_checkpoint(folder: str | Path) -> tuple[Path | None, list[Path]]:
    """The newest checkpoint of a folder that is whole, for resuming; none is unpickled to find out.

    By number among the ``epoch_N.pth`` and among the ``iter_N.pth``; between these, and what ``last_checkpoint`` names, by time.

    Args:
        folder (str | Path): A work folder.

    Returns:
        tuple[Path | None, list[Path]]: The file, and newer ones that were passed over because they are damaged.
    """
    folder = Path(folder)
    damaged: list[Path] = []
    waiting = [numbered_checkpoints(folder, kind) for kind in KINDS]
    waiting.append([path for path in _last_named(folder) if not any(path in paths for paths in waiting)])
    while any(waiting):
        newest = max((paths for paths in waiting if paths), key=lambda paths: paths[-1].stat().st_mtime_ns)
        path = newest.pop()
        if is_whole(path):
            return path, damaged
        damaged.append(path)
    return None, damaged


def move_aside(folder: Path, resumed: Path | None, done: dict[str, int], timestamp: str) -> tuple[Path | None, list[Path]]:
    """Move the checkpoints that are not of the training that begins now to ``before_<timestamp>``.

    Args:
        folder (Path): The work folder.
        resumed (Path, optional): The checkpoint that is continued.  Those of its folder up to where it is are this training's own.
        done (dict): How many are done of it: ``{'epoch': ..., 'iter': ...}``.
        timestamp (str): The training's.

    Returns:
        tuple[Path | None, list[Path]]: Where they are now, and what they were; ``None`` and none if there was nothing to move.
    """
    kept = resumed.resolve() if resumed is not None else None
    own = kept is not None and kept.parent == folder.resolve()
    foreign = [
        path
        for kind in KINDS
        for number, path in _numbered(folder, '(?:best_.+_)?', kind)
        if not own or (number > done[kind] and path.resolve() != kept)
    ]
    if not foreign:
        return None, []
    names = (f'before_{timestamp}' + (f'_{i}' if i else '') for i in itertools.count())
    aside = next(folder / name for name in names if not (folder / name).exists())  # a clock may have gone back
    aside.mkdir()
    for path in foreign:
        path.rename(aside / path.name)
    return aside, foreign


def occupy(folder: Path) -> TextIO:
    """Keep other trainings out of a work folder as long as this process lives, or until what is returned is closed.

    Raises:
        ConfigError: If one is there.
    """
    file = (folder / '.lock').open('w')
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        file.close()
        raise ConfigError(f'another training is writing into {folder}; choose another folder (--work-dir), or wait for its end') from error
    except OSError:  # a file system without locks
        pass
    return file

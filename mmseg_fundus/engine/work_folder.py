"""The checkpoints in a training's work folder: which there are, which are another training's, and whose folder it is."""

import fcntl
import itertools
import re
from pathlib import Path

from ..errors import ConfigError
from ..models.archive import is_whole


def _numbered(folder: Path, begin: str) -> list:
    matches = [(re.fullmatch(rf'{begin}epoch_(\d+)\.pth', path.name), path) for path in folder.glob('*epoch_*.pth')]
    return sorted((int(match.group(1)), path) for match, path in matches if match)


def epoch_checkpoints(folder: Path) -> list:
    """``epoch_N.pth`` files of a folder, oldest epoch first."""
    return [path for _, path in _numbered(folder, '')]


def latest_whole_checkpoint(folder) -> tuple:
    """The newest ``epoch_N.pth`` that is whole, for resuming; none is unpickled to find out.

    Args:
        folder (str | Path): A work folder.

    Returns:
        tuple[Path | None, list[Path]]: The file, and newer ones that were passed over because they are damaged.
    """
    damaged = []
    for path in reversed(epoch_checkpoints(Path(folder))):
        if is_whole(path):
            return path, damaged
        damaged.append(path)
    return None, damaged


def move_aside(folder: Path, resumed: Path | None, epoch: int, timestamp: str) -> tuple:
    """Move the checkpoints that are not of the training that begins now to ``before_<timestamp>``.

    Args:
        folder (Path): The work folder.
        resumed (Path, optional): The checkpoint that is continued.  Those of its folder up to its epoch are this training's own.
        epoch (int): How many epochs of it are done.
        timestamp (str): The training's.

    Returns:
        tuple[Path | None, list[Path]]: Where they are now, and what they were; ``None`` and none if there was nothing to move.
    """
    own = epoch if resumed is not None and resumed.resolve().parent == folder.resolve() else 0
    foreign = [
        path for number, path in _numbered(folder, '(?:best_.+_)?') if number > own and not (own and path.resolve() == resumed.resolve())
    ]
    if not foreign:
        return None, []
    names = (f'before_{timestamp}' + (f'_{i}' if i else '') for i in itertools.count())
    aside = next(folder / name for name in names if not (folder / name).exists())  # a clock may have gone back
    aside.mkdir()
    for path in foreign:
        path.rename(aside / path.name)
    return aside, foreign


def occupy(folder: Path):
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

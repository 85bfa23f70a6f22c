import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import WriteError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no more can be written


def temporary_beside(path: Path) -> Path:
    """A name in the same folder that no other process uses, and :func:`remove_leftovers` knows."""
    return path.with_name(f'.{os.getpid()}-{os.urandom(4).hex()}.{path.name}.tmp')


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write(temporary)`` make a file beside ``path``, then put it in place; ``path`` is never half written.

    Raises:
        WriteError: Naming ``path``, if the disk is full, the folder read-only or not there.
    """
    temporary = temporary_beside(path)
    try:
        write(temporary)
        with temporary.open('rb') as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise WriteError(_message(path, error.strerror or str(error))) from error
    except RuntimeError as error:  # torch's writer of archives names neither file nor cause
        if 'enforce fail' not in str(error) and 'file write failed' not in str(error).lower():
            raise
        raise WriteError(_message(path, 'writing stopped half way; the disk is probably full')) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what processes that were killed in :func:`write_whole` left in a folder; what living ones write, and others' files, stay."""
    for path in folder.glob('.*.tmp'):
        named = re.fullmatch(r'\.(\d+)-[0-9a-f]{8}\..+\.tmp', path.name)
        if named and not Path(f'/proc/{named.group(1)}').exists():
            path.unlink(missing_ok=True)


def _message(path: Path, reason: str) -> str:
    kept = 'what was there before is unchanged' if path.exists() else 'no part of it was left'
    return f'{path} could not be written ({reason}); {kept}. Make room or choose another folder, and start again'

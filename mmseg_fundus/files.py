import os
from pathlib import Path


def write_whole(path: Path, write) -> None:
    """Let ``write(temporary)`` make a file beside ``path``, then put it in place; ``path`` is never half written."""
    temporary = path.with_name(f'.{os.getpid()}.{path.name}.tmp')
    try:
        write(temporary)
        with temporary.open('rb') as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)

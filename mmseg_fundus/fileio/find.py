import os
from pathlib import Path

from ..errors import FileError, plain


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

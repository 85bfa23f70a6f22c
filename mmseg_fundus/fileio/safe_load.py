"""Reading a file of tensors, torch's or safetensors', without letting anything in it run."""

import os
import pickle
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import torch

from ..errors import FileError
from .archive import PROGRAM, check_members, stored_sizes
from .contents import check_contents
from .find import find_file
from .tensor_file import is_safetensors, read_safetensors
from .unpickler import as_pickle_module

LONGEST = 1000  # characters of a tensor's name
OPT_IN = 'FUNDUS_ALLOW_UNSAFE'  # environment variable; --allow-unsafe of the tools sets it, for their processes too
_FORCED = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'


def _refuse_program(path: Path) -> None:
    """Refuse what torch would hand to ``torch.jit.load`` whatever the unpickler, which runs code in it; asks torch's own reader."""
    with path.open('rb') as file:
        if not torch.serialization._is_zipfile(file):
            return
    with torch.serialization._open_zipfile_reader(str(path)) as archive:
        if torch.serialization._is_torchscript_zip(archive):
            raise FileError(PROGRAM.format(path))


def _torch_load(path: Path, allow_unsafe: bool, map_location: Any, mapped: bool) -> Any:
    if path.suffix == '.safetensors':  # by its name torch would take it for one; it is none
        with path.open('rb') as file:
            return _unpickle(file, path, allow_unsafe, map_location=map_location)
    return _unpickle(str(path), path, allow_unsafe, map_location=map_location, mmap=mapped and zipfile.is_zipfile(path))


def _unpickle(source: Any, path: Path, allow_unsafe: bool, **options: Any) -> Any:
    if allow_unsafe:
        return torch.load(source, weights_only=False, **options)
    _refuse_program(path)
    forced = os.environ.pop(_FORCED, None)  # torch would refuse any unpickler but its own, a narrower one too
    try:
        return torch.load(source, weights_only=False, pickle_module=as_pickle_module(path.stat().st_size, stored_sizes(path)), **options)
    finally:
        if forced is not None:
            os.environ[_FORCED] = forced


def _refuse_foreign(path: Path) -> None:
    """Name the usual things that carry a .pth name and are no torch checkpoint."""
    with path.open('rb') as file:
        head = file.read(512)
    size = f'{path.stat().st_size:,} bytes'
    again = 'copy or download it again'
    if head.startswith(b'PK'):
        check_members(path, size)
        return
    if tarfile.is_tarfile(path):
        raise FileError(f'{path} is a tar archive; if a torch before 0.4 wrote it, load it there and save it again')
    if head.startswith(b'version https://git-lfs'):
        raise FileError(f'{path} is a Git LFS pointer, not the file itself ({size}); run: git lfs pull')
    try:
        text = head.decode('utf-8', errors='strict' if len(head) < 512 else 'ignore')
    except UnicodeDecodeError:
        return
    if text.isprintable() or all(c.isprintable() or c in '\r\n\t' for c in text):
        first = text.strip().splitlines()[0][:60] if text.strip() else ''
        raise FileError(f'{path} is a text file, not a torch checkpoint ({size}, it starts with {first!r}); {again}')


def safe_load(
    path: str | os.PathLike[str],
    allow_unsafe: bool = False,
    map_location: Any = 'cpu',
    mapped: bool = False,
    opt_in: str = 'allow_unsafe=True',
) -> Any:
    """Load a torch checkpoint or a safetensors file without running code from it; which of the two it is, its contents say.

    Tensors, containers, numbers, texts and what :mod:`.plain_objects` knows are read; anything else is refused before it is touched.

    Args:
        path (str | Path): The file; ``~`` and environment variables are expanded.
        allow_unsafe (bool): Unpickle anything, which runs whatever code the file holds.  Only for a file whose maker you trust.
        map_location: Where the tensors go, as in :func:`torch.load`.
        mapped (bool): Leave tensors in the file until they are used, where its format allows it; for a file that nobody writes again.
        opt_in (str): How the user of the caller allows it, for the message.

    Returns:
        Any: What was saved; of a safetensors file a :class:`.NamedTensors`.

    Raises:
        FileError: If the file is missing, truncated, of another kind, or needs more than data to load.
    """
    path = find_file(path)
    try:
        if is_safetensors(path):
            loaded = read_safetensors(path, map_location, mapped)
        else:
            _refuse_foreign(path)
            loaded = _torch_load(path, allow_unsafe, map_location, mapped)
        check_contents(loaded, path)
        return loaded
    except FileError:
        raise
    except pickle.UnpicklingError as error:
        found = re.search(r'GLOBAL ([\w.]+)', str(error))
        if found and not allow_unsafe:
            raise FileError(
                f'{path} is not plain weights: to load it Python would have to import and could run {found.group(1)!r}. '
                f'It was refused and nothing in it ran. If you trust its maker, allow it: {opt_in}'
            ) from error
        raise FileError(f'{path} cannot be read as a torch checkpoint: {_first_line(error)}; copy or download it again') from error
    except Exception as error:  # a damaged or hostile file makes torch and pickle raise nearly anything
        raise FileError(
            f'{path} cannot be read as a torch checkpoint, it is damaged or of another kind ({_first_line(error)}); '
            'copy or download it again'
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0][:160]}' if lines else type(error).__name__

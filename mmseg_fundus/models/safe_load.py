"""Reading a checkpoint file without letting anything in it run."""

import argparse
import collections
import importlib
import os
import pickle
import re
import tarfile
import types
import zipfile
from pathlib import Path

import numpy as np
import torch

from ..errors import WeightsError
from .archive import PROGRAM, check_members
from .contents import check_contents

_multiarray = importlib.import_module('numpy._core.multiarray' if np.__version__ >= '2' else 'numpy.core.multiarray')

# What an iBOT / VisionFM checkpoint holds besides tensors: its arguments, and numpy scalars in the optimizer's groups.
# Both spellings of numpy's private module are allowed whichever numpy reads the file.
ALLOWED = {
    'argparse.Namespace': argparse.Namespace,
    'numpy.core.multiarray.scalar': _multiarray.scalar,
    'numpy._core.multiarray.scalar': _multiarray.scalar,
    'numpy.dtype': np.dtype,
}
_DTYPES = [type(np.dtype(name)) for name in ('float64', 'float32', 'int64', 'int32', 'bool')]

_NATIVE = tuple(int(part) for part in torch.__version__.split('.')[:2]) >= (2, 6)


class _RestrictedUnpickler(pickle._Unpickler):
    """Resolves tensors, containers and :data:`ALLOWED`, nothing else (for torch < 2.6, which cannot be given a list).

    The one in Python: C's makes room for whatever number of objects a file says it has.
    """

    dispatch = dict(pickle._Unpickler.dispatch)
    for code in (pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.EXT1, pickle.EXT2, pickle.EXT4):
        del dispatch[code[0]]  # torch writes none of them

    _torch_names = {
        'collections.OrderedDict': collections.OrderedDict,
        'torch._utils._rebuild_tensor': torch._utils._rebuild_tensor,
        'torch._utils._rebuild_tensor_v2': torch._utils._rebuild_tensor_v2,
        'torch._utils._rebuild_parameter': torch._utils._rebuild_parameter,
        'torch.Size': torch.Size,
        'torch.device': torch.device,
        '_codecs.encode': __import__('_codecs').encode,
    }

    def find_class(self, module, name):
        path = f'{module}.{name}'
        if path in ALLOWED:
            return ALLOWED[path]
        if path in self._torch_names:
            return self._torch_names[path]
        if module in ('torch', 'torch.storage') and re.fullmatch(r'\w*Storage', name):
            return getattr(torch if module == 'torch' else torch.storage, name)
        if module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        if module.startswith('numpy') and name in {dtype.__name__ for dtype in _DTYPES}:
            return next(dtype for dtype in _DTYPES if dtype.__name__ == name)
        raise pickle.UnpicklingError(f'Unsupported GLOBAL {path}')


def _restricted_pickle() -> types.ModuleType:
    module = types.ModuleType('restricted_pickle')
    module.Unpickler = _RestrictedUnpickler
    module.load = lambda file, **kwargs: _RestrictedUnpickler(file, **kwargs).load()
    return module


def _refuse_program(path: Path) -> None:
    """Refuse what torch < 2.6 would hand to ``torch.jit.load`` whatever the unpickler, which runs code in it; asks torch's own reader."""
    with path.open('rb') as file:
        if not torch.serialization._is_zipfile(file):
            return
    with torch.serialization._open_zipfile_reader(str(path)) as archive:
        if torch.serialization._is_torchscript_zip(archive):
            raise WeightsError(PROGRAM.format(path))


def _torch_load(path: Path, allow_unsafe: bool, map_location, mapped: bool):
    options = dict(map_location=map_location, mmap=mapped and zipfile.is_zipfile(path))
    if allow_unsafe:
        return torch.load(str(path), weights_only=False, **options)
    if not _NATIVE:
        _refuse_program(path)
        return torch.load(str(path), pickle_module=_restricted_pickle(), **options)
    allowed = [(obj, name) for name, obj in ALLOWED.items()] + _DTYPES
    with torch.serialization.safe_globals(allowed):
        return torch.load(str(path), weights_only=True, **options)


def find_file(path) -> Path:
    """Absolute path of an existing, non-empty file.

    Raises:
        WeightsError: With the places looked at, if there is none.
    """
    given = Path(os.path.expandvars(str(path))).expanduser()
    full = given if given.is_absolute() else Path.cwd() / given
    if full.is_dir():
        raise WeightsError(f'{full} is a folder; a weights file was expected')
    if not full.is_file():
        note = '' if given.is_absolute() else f' ({str(path)!r} seen from the current folder {Path.cwd()})'
        beside = sorted(p.name for p in full.parent.glob('*.pth'))[:5] if full.parent.is_dir() else []
        hint = f'; that folder holds {", ".join(beside)}' if beside else ''
        raise WeightsError(
            f'weights file not found: looked for {full}{note}{hint}. Put the file there, or name yours with '
            '--weights FILE or model.backbone.weights in the config'
        )
    if full.stat().st_size == 0:
        raise WeightsError(f'{full} is empty (0 bytes); copy or download it again')
    return full


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
        raise WeightsError(f'{path} is a tar archive; if a torch before 0.4 wrote it, load it there and save it again')
    if head[8:9] == b'{' and head[:8].rstrip(b'\0') != head[:8]:
        raise WeightsError(f'{path} is a safetensors file; save its tensors with torch.save first')
    if head.startswith(b'version https://git-lfs'):
        raise WeightsError(f'{path} is a Git LFS pointer, not the file itself ({size}); run: git lfs pull')
    try:
        text = head.decode('utf-8', errors='strict' if len(head) < 512 else 'ignore')
    except UnicodeDecodeError:
        return
    if text.isprintable() or all(c.isprintable() or c in '\r\n\t' for c in text):
        first = text.strip().splitlines()[0][:60] if text.strip() else ''
        raise WeightsError(f'{path} is a text file, not a torch checkpoint ({size}, it starts with {first!r}); {again}')


def safe_load(path, allow_unsafe: bool = False, map_location='cpu', mapped: bool = False):
    """Load a torch checkpoint without running code from it.

    Tensors, containers, ``argparse.Namespace`` and numpy scalars are read; anything else is refused before it is touched.

    Args:
        path (str | Path): The file; ``~`` and environment variables are expanded.
        allow_unsafe (bool): Unpickle anything, which runs whatever code the file holds.  Only for a file whose maker you trust.
        map_location: Where the tensors go, as in :func:`torch.load`.
        mapped (bool): Leave tensors in the file until they are used, where its format allows it; for a file that nobody writes again.

    Returns:
        Any: What was saved.

    Raises:
        WeightsError: If the file is missing, truncated, of another kind, or needs more than data to load.
    """
    path = find_file(path)
    try:
        _refuse_foreign(path)
        loaded = _torch_load(path, allow_unsafe, map_location, mapped)
        check_contents(loaded, path)
        return loaded
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        found = re.search(r'(?:GLOBAL|Unsupported class|Unsupported global: GLOBAL) ([\w.]+)', str(error))
        if found and not allow_unsafe:
            raise WeightsError(
                f'{path} is not plain weights: to load it Python would have to import and could run {found.group(1)!r}. '
                'It was refused and nothing in it ran. If you trust its maker, allow it: --allow-unsafe, '
                'or allow_unsafe=True in the config'
            ) from error
        raise WeightsError(f'{path} cannot be read as a torch checkpoint: {_first_line(error)}') from error
    except Exception as error:  # a damaged or hostile file makes torch and pickle raise nearly anything
        raise WeightsError(
            f'{path} cannot be read as a torch checkpoint, it is damaged or of another kind ({_first_line(error)}); '
            'copy or download it again'
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0][:160]}' if lines else type(error).__name__

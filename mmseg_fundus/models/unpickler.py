"""An unpickler that knows the data of a checkpoint and nothing else.

Torch's own safe load (``weights_only=True``) is wider: it makes room for any number of bytes that a file asks for, and numpy's dtypes,
which it has to be told to allow, believe any state.  Torch before 2.6 cannot be told.
"""

import pickle
import re
import types
from argparse import Namespace
from collections import OrderedDict

import numpy as np
import torch


class _Dtype:
    """Stands for a numpy dtype: its name, and its byte order as the state."""

    def __init__(self, name, align=False, copy=False):
        self.name, self.order = name, '='

    def __setstate__(self, state):
        self.order = state[1]


def _scalar(dtype: _Dtype, data: bytes):
    """A numpy number from its bytes."""
    known = dtype.order.replace('|', '=') + dtype.name
    if not re.fullmatch(r'[<>=]([fiu][1248]|b1)', known):
        raise pickle.UnpicklingError(f'Unsupported GLOBAL numpy.dtype.{dtype.name}')
    return np.frombuffer(data, known, count=1)[0]


def _encode(text: str, encoding: str) -> bytes:
    """Bytes, as pickles before protocol 3 hold them."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'Unsupported GLOBAL _codecs.encode.{encoding}')
    return text.encode('latin1')


_FUNCTIONS = {
    'collections.OrderedDict': OrderedDict,
    'builtins.set': set,
    '__builtin__.set': set,
    '_codecs.encode': _encode,
    'torch.Size': torch.Size,
    'torch.device': torch.device,
    # What an iBOT / VisionFM checkpoint holds besides tensors: numpy numbers in the optimizer's groups, and its arguments (below).
    # Both spellings of numpy's private module are known whichever numpy reads the file.
    'numpy.core.multiarray.scalar': _scalar,
    'numpy._core.multiarray.scalar': _scalar,
    'numpy.dtype': _Dtype,
}
for _name in ('_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_tensor_v3', '_rebuild_parameter'):
    if hasattr(torch._utils, _name):
        _FUNCTIONS[f'torch._utils.{_name}'] = getattr(torch._utils, _name)


class Unpickler(pickle._Unpickler):
    """Reads tensors, containers, numbers, texts and ``argparse.Namespace``.

    Only what it knows is called, made or given a state; a class is nothing that can be called or changed.

    Raises:
        pickle.UnpicklingError: ``Unsupported GLOBAL name`` at the first that it does not know.
    """

    # The one in Python: C's makes room for whatever number of objects a file says it has.
    dispatch = dict(pickle._Unpickler.dispatch)
    for code in (
        *(pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.EXT1, pickle.EXT2, pickle.EXT4),
        *(pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX),
    ):
        del dispatch[code[0]]  # torch writes none of them

    def find_class(self, module, name):
        path = f'{module}.{name}'
        if path in _FUNCTIONS:
            return _FUNCTIONS[path]
        if path == 'argparse.Namespace':
            return Namespace
        if module in ('torch', 'torch.storage') and re.fullmatch(r'\w*Storage', name):
            return getattr(torch if module == 'torch' else torch.storage, name)
        if module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise pickle.UnpicklingError(f'Unsupported GLOBAL {path}')

    def _check(self, item, known):
        if not any(item is one for one in known):
            raise pickle.UnpicklingError(f'Unsupported GLOBAL {getattr(item, "__module__", "")}.{getattr(item, "__name__", "?")}')

    def load_reduce(self):
        self._check(self.stack[-2], _FUNCTIONS.values())
        super().load_reduce()

    def load_newobj(self):
        self._check(self.stack[-2], (Namespace,))
        super().load_newobj()

    def load_build(self):
        self._check(type(self.stack[-2]), (Namespace, OrderedDict, _Dtype))
        super().load_build()

    dispatch.update({pickle.REDUCE[0]: load_reduce, pickle.NEWOBJ[0]: load_newobj, pickle.BUILD[0]: load_build})


def load(file, **kwargs):
    """As :func:`pickle.load`."""
    return Unpickler(file, **kwargs).load()


def as_pickle_module() -> types.ModuleType:
    """What :func:`torch.load` takes as its ``pickle_module``."""
    module = types.ModuleType('restricted_pickle')
    module.Unpickler, module.load = Unpickler, load
    return module

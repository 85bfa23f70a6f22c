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
        if type(state) is not tuple or len(state) < 2 or state[1] not in ('<', '>', '=', '|'):
            raise pickle.UnpicklingError('it gives a numpy dtype a state that numpy does not write')
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

_KEYS = (str, bytes, int, float, bool, type(None), torch.dtype, torch.device)
_COPIED = 16  # bytes that an entry copied into a set, an OrderedDict or a torch.Size is counted as


def _are(items, *types) -> bool:
    return all(type(item) in types for item in items)


# Function -> its arguments are such as torch and pickle write.
_FITS = {
    set: lambda *given: len(given) == 1 and _are(given, list),
    OrderedDict: lambda *given: (
        not given or (len(given) == 1 and _are(given, list) and all(type(pair) in (list, tuple) and len(pair) == 2 for pair in given[0]))
    ),
    torch.Size: lambda *given: len(given) == 1 and _are(given, tuple) and _are(given[0], int),
    torch.device: lambda *given: 1 <= len(given) <= 2 and _are(given[:1], str) and _are(given[1:], int),
    _encode: lambda *given: len(given) == 2 and _are(given, str),
    _scalar: lambda *given: len(given) == 2 and _are(given[:1], _Dtype) and _are(given[1:], bytes),
    _Dtype: lambda *given: 1 <= len(given) <= 3 and _are(given[:1], str) and _are(given[1:], bool, int),
}


class Unpickler(pickle._Unpickler):
    """Reads tensors, containers, numbers, texts and ``argparse.Namespace``.

    Only what it knows is called, made or given a state; a class is nothing that can be called or changed.  Entries are put only into
    what has exactly the type for it, under keys whose hash is quick: a tensor would compute, a deep tuple crashes Python.

    Raises:
        pickle.UnpicklingError: ``Unsupported GLOBAL name`` at the first that it does not know; in words what else no torch writes.
    """

    budget = 2**20  # bytes that calls may copy: a few bytes of a file can ask for the same copy again
    stored = None  # bytes of each storage in the file, where that has a table of them
    tuple_keys = 10_000  # their hashes can be made equal, and each is then compared with all before it

    # The one in Python: C's makes room for whatever number of objects a file says it has.
    dispatch = dict(pickle._Unpickler.dispatch)
    for code in (
        *(pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.EXT1, pickle.EXT2, pickle.EXT4),
        *(pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.FROZENSET, pickle.PERSID),
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

    def _check_keys(self, keys):
        for key in keys:
            if type(key) is tuple and _are(key, *_KEYS):
                self.tuple_keys -= 1
            elif type(key) not in _KEYS:
                raise pickle.UnpicklingError(f'it has a {type(key).__name__} as a key or in a set, a text or number was expected')
            if type(key) is int and key.bit_length() > 60 or self.tuple_keys < 0:  # equal hashes likewise
                raise pickle.UnpicklingError('it has keys that are too large, or too many tuples as keys')

    def _check_target(self, target, *types):
        if type(target) not in types:
            raise pickle.UnpicklingError(f'it puts entries into a {type(target).__name__}, which no torch writes')

    def load_reduce(self):
        function, given = self.stack[-2:]
        self._check(function, _FUNCTIONS.values())
        if type(given) is not tuple or (function in _FITS and not _FITS[function](*given)):
            raise pickle.UnpicklingError(f'it calls {function.__name__} with arguments that no torch writes')
        if function in (set, OrderedDict) and given:
            self._check_keys(given[0] if function is set else (pair[0] for pair in given[0]))
        if function in (set, OrderedDict, torch.Size, _encode) and given:
            self.budget -= len(given[0]) * (1 if function is _encode else _COPIED)
        if self.budget < 0:
            raise pickle.UnpicklingError('it copies its contents to many times the size of the file')
        super().load_reduce()

    def load_newobj(self):
        self._check(self.stack[-2], (Namespace,))
        super().load_newobj()

    def load_build(self):
        state, made = self.stack.pop(), self.stack[-1]
        self._check(type(made), (Namespace, OrderedDict, _Dtype))
        if type(made) is _Dtype:
            made.__setstate__(state)
            return
        names = state if type(state) is dict and _are(state, str) else ['__']
        if any(name.startswith('__') or (type(made) is OrderedDict and name != '_metadata') for name in names):
            raise pickle.UnpicklingError(f'it gives a {type(made).__name__} attributes that no torch writes')
        vars(made).update(state)

    def load_binpersid(self):
        """A storage: torch looks up the name that it has in the file, and before 2.6 believes its length."""
        named = self.stack[-1]
        if not (
            (type(named) is tuple and 5 <= len(named) <= 6 and named[0] in ('storage', b'storage'))
            and (_are(named[2:4], str) and named[2].isdecimal() and type(named[4]) is int and named[4] >= 0)
            and (all(view is None or (type(view) is tuple and _are(view, str, int)) for view in named[5:]))
        ):
            raise pickle.UnpicklingError('it asks for a storage as no torch does')
        dtype = getattr(named[1], 'dtype', torch.uint8)
        if type(dtype) is not torch.dtype:
            raise pickle.UnpicklingError('it asks for a storage of an unknown type')
        if self.stored is not None and named[4] * torch._utils._element_size(dtype) > self.stored.get(named[2], 0):
            raise pickle.UnpicklingError(f'its storage {named[2][:20]} is said to be larger than it is')
        super().load_binpersid()

    def load_dict(self):
        self._check_keys(self.stack[::2])
        super().load_dict()

    def load_setitem(self):
        self._check_target(self.stack[-3], dict, OrderedDict)
        self._check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self):
        self._check_target(self.metastack[-1][-1], dict, OrderedDict)
        self._check_keys(self.stack[::2])
        super().load_setitems()

    def load_append(self):
        self._check_target(self.stack[-2], list)
        super().load_append()

    def load_appends(self):
        self._check_target(self.metastack[-1][-1], list)
        super().load_appends()

    def load_additems(self):
        self._check_target(self.metastack[-1][-1], set)
        self._check_keys(self.stack)
        super().load_additems()

    for code in 'REDUCE NEWOBJ BUILD BINPERSID DICT SETITEM SETITEMS APPEND APPENDS ADDITEMS'.split():
        dispatch[getattr(pickle, code)[0]] = locals()[f'load_{code.lower()}']


def as_pickle_module(size: int, stored: dict | None = None) -> types.ModuleType:
    """What :func:`torch.load` takes as its ``pickle_module`` for a file of so many bytes, with such storages (``{name: bytes}``)."""
    module = types.ModuleType('restricted_pickle')
    module.Unpickler = type('Unpickler', (Unpickler,), {'budget': 8 * size + Unpickler.budget, 'stored': stored})
    module.load = lambda file, **options: module.Unpickler(file, **options).load()
    return module

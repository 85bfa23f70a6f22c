"""An unpickler that knows the data of a checkpoint and nothing else.

It stays beside torch's own safe reader (``weights_only=True``), decided from what both do with each file of the tests (docs/files.md):

- torch before 2.5 cannot be told what to allow; 2.1, which is supported, runs a TorchScript program, reads past the end of a storage, and
  refuses mmengine's curves and VisionFM's arguments;
- a newer one that is allowed numpy's and mmengine's names believes any state of them: a forged dtype crashes the process or takes
  gigabytes; allowed :mod:`.plain_objects` in their place, it cannot fill numpy's arrays and mmengine's curves;
- either way a tuple nested a million times as a key crashes it, copies of copies have no end, and pickle's protocol 4 is refused.
"""

import pickle
import re
import types
from argparse import Namespace
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from .plain_objects import FITS, KNOWN, Dtype, are, as_dict, encode, fill_array, fill_curve, new_curve

_KEYS = (str, bytes, int, float, bool, type(None), torch.dtype, torch.device)
_CURVE = 512  # bytes of one of mmengine's curves
_COPIED = 16  # bytes that an entry copied into a set, an OrderedDict or a torch.Size is counted as


_Python: Any = pickle._Unpickler  # the one in Python: C's makes room for whatever number of objects a file says it has


class Unpickler(_Python):
    """Reads tensors, containers, numbers, texts, ``argparse.Namespace``, and what :mod:`.plain_objects` knows.

    Only what it knows is called, made or given a state; a class is nothing that can be called or changed.  Entries are put only into
    what has exactly the type for it, under keys whose hash is quick: a tensor would compute, a deep tuple crashes Python.

    Raises:
        pickle.UnpicklingError: ``Unsupported GLOBAL name`` at the first that it does not know; in words what else no torch writes.
    """

    budget = 2**20  # bytes that calls may copy: a few bytes of a file can ask for the same copy again
    stored: dict[str, int] | None = None  # bytes of each storage in the file, where that has a table of them
    tuple_keys = 10_000  # their hashes can be made equal, and each is then compared with all before it

    dispatch = dict(_Python.dispatch)
    for code in (
        *(pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.EXT1, pickle.EXT2, pickle.EXT4),
        *(pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.FROZENSET, pickle.PERSID),
    ):
        del dispatch[code[0]]  # torch writes none of them

    def find_class(self, module: str, name: str) -> Any:
        path = f'{module}.{name}'
        if path in KNOWN:
            return KNOWN[path]
        if module in ('torch', 'torch.storage') and re.fullmatch(r'\w*Storage', name):
            return getattr(torch if module == 'torch' else torch.storage, name)
        if module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise pickle.UnpicklingError(f'Unsupported GLOBAL {path}')

    def _check(self, item: Any, known: Iterable[Any]) -> None:
        if not any(item is one for one in known):
            raise pickle.UnpicklingError(f'Unsupported GLOBAL {getattr(item, "__module__", "")}.{getattr(item, "__name__", "?")}')

    def _check_keys(self, keys: Iterable[Any]) -> None:
        for key in keys:
            if type(key) is tuple and are(key, *_KEYS):
                self.tuple_keys -= 1
            elif type(key) not in _KEYS:
                raise pickle.UnpicklingError(f'it has a {type(key).__name__} as a key or in a set, a text or number was expected')
            if type(key) is int and key.bit_length() > 60 or self.tuple_keys < 0:  # equal hashes likewise
                raise pickle.UnpicklingError('it has keys that are too large, or too many tuples as keys')

    def _check_target(self, target: Any, *types: type) -> None:
        if type(target) not in types:
            raise pickle.UnpicklingError(f'it puts entries into a {type(target).__name__}, which no torch writes')

    def _copy(self, size: int) -> None:
        self.budget -= size
        if self.budget < 0:
            raise pickle.UnpicklingError('it copies its contents to many times the size of the file')

    def load_reduce(self) -> None:
        function, given = self.stack[-2:]
        self._check(function, FITS)
        fits = FITS[function]
        if type(given) is not tuple or (fits is not None and not fits(*given)):
            raise pickle.UnpicklingError(f'it calls {function.__name__} with arguments that no torch writes')
        if function in (set, OrderedDict) and given:
            self._check_keys(given[0] if function is set else (pair[0] for pair in given[0]))
        if function in (set, OrderedDict, Counter, as_dict, torch.Size, encode) and given:
            self._copy(len(given[0]) * (1 if function is encode else _COPIED))
        super().load_reduce()

    def load_newobj(self) -> None:
        made = self.stack[-2]
        self._check(made, (Namespace, HistoryBuffer))
        if made is HistoryBuffer:
            self._copy(_CURVE)
            self.stack[-2:] = [new_curve()]
            return
        super().load_newobj()

    def load_build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        self._check(type(made), (Namespace, OrderedDict, Dtype, np.ndarray, HistoryBuffer))
        if type(made) is Dtype:
            made.__setstate__(state)
            return
        if type(made) is np.ndarray:
            self._copy(fill_array(made, state))
            return
        if type(made) is HistoryBuffer:
            fill_curve(made, state)
            return
        names = state if type(state) is dict and are(state, str) else ['__']
        if any(name.startswith('__') or (type(made) is OrderedDict and name != '_metadata') for name in names):
            raise pickle.UnpicklingError(f'it gives a {type(made).__name__} attributes that no torch writes')
        vars(made).update(state)

    def load_binpersid(self) -> None:
        """A storage: torch looks up the name that it has in the file, and before 2.6 believes its length."""
        named = self.stack[-1]
        if not (
            (type(named) is tuple and 5 <= len(named) <= 6 and named[0] in ('storage', b'storage'))
            and (are(named[2:4], str) and named[2].isdecimal() and type(named[4]) is int and named[4] >= 0)
            and (all(view is None or (type(view) is tuple and are(view, str, int)) for view in named[5:]))
        ):
            raise pickle.UnpicklingError('it asks for a storage as no torch does')
        dtype = getattr(named[1], 'dtype', torch.uint8)
        if type(dtype) is not torch.dtype:
            raise pickle.UnpicklingError('it asks for a storage of an unknown type')
        if self.stored is not None and named[4] * torch._utils._element_size(dtype) > self.stored.get(named[2], 0):
            raise pickle.UnpicklingError(f'its storage {named[2][:20]} is said to be larger than it is')
        super().load_binpersid()

    def load_dict(self) -> None:
        self._check_keys(self.stack[::2])
        super().load_dict()

    def load_setitem(self) -> None:
        self._check_target(self.stack[-3], dict, OrderedDict)
        self._check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        self._check_target(self.metastack[-1][-1], dict, OrderedDict)
        self._check_keys(self.stack[::2])
        super().load_setitems()

    def load_append(self) -> None:
        self._check_target(self.stack[-2], list)
        super().load_append()

    def load_appends(self) -> None:
        self._check_target(self.metastack[-1][-1], list)
        super().load_appends()

    def load_additems(self) -> None:
        self._check_target(self.metastack[-1][-1], set)
        self._check_keys(self.stack)
        super().load_additems()

    for name in 'REDUCE NEWOBJ BUILD BINPERSID DICT SETITEM SETITEMS APPEND APPENDS ADDITEMS'.split():
        dispatch[getattr(pickle, name)[0]] = locals()[f'load_{name.lower()}']


def as_pickle_module(size: int, stored: dict[str, int] | None = None) -> types.ModuleType:
    """What :func:`torch.load` takes as its ``pickle_module`` for a file of so many bytes, with such storages (``{name: bytes}``)."""
    module: Any = types.ModuleType('restricted_pickle')
    module.Unpickler = type('Unpickler', (Unpickler,), {'budget': 8 * size + Unpickler.budget, 'stored': stored})
    module.load = lambda file, **options: module.Unpickler(file, **options).load()
    return module

"""What checkpoints hold beside tensors and containers, made from checked parts: numpy's numbers and arrays, mmengine's curves.

``KNOWN`` has what a pickle may name, ``FITS`` what each of it may be called with.  A class among them is nothing that can be called.
:func:`know_methods` adds to it.
"""

import math
import pickle
import re
from argparse import Namespace
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

Array = np.ndarray[Any, Any]


def are(items: Iterable[Any], *types: type) -> bool:
    """Whether each item has exactly one of these types."""
    return all(type(item) in types for item in items)


class Dtype:
    """Stands for a numpy dtype: its name, and its byte order as the state."""

    def __init__(self, name: str, align: int = False, copy: int = False) -> None:
        self.name, self.order = name, '='

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 2 or state[1] not in ('<', '>', '=', '|'):
            raise pickle.UnpicklingError('it gives a numpy dtype a state that numpy does not write')
        self.order = state[1]

    def of_numbers(self) -> np.dtype[Any]:
        """Numpy's own, if it is one of real numbers."""
        known = self.order.replace('|', '=') + self.name
        if not re.fullmatch(r'[<>=]([fiu][1248]|b1)', known):
            raise pickle.UnpicklingError(f'Unsupported GLOBAL numpy.dtype.{self.name}')
        return np.dtype(known)


def scalar(dtype: Dtype, data: bytes) -> Any:
    """A numpy number from its bytes."""
    return np.frombuffer(data, dtype.of_numbers(), count=1)[0]


def encode(text: str, encoding: str) -> bytes:
    """Bytes, as pickles before protocol 3 hold them."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'Unsupported GLOBAL _codecs.encode.{encoding}')
    return text.encode('latin1')


def new_array(kind: Any, shape: Any, code: Any) -> Array:
    """An array that gets its contents by :func:`fill_array`."""
    return np.empty(0)


def fill_array(array: Array, state: Any) -> int:
    """Give a new array its shape and numbers; returns how many bytes that are."""
    fits = (
        (type(state) is tuple and len(state) == 5 and state[0] == 1 and array.shape == (0,))
        and (are(state[1:], tuple, Dtype, bool, bytes) and type(state[1]) is tuple and type(state[2]) is Dtype)
        and (type(state[3]) is bool and type(state[4]) is bytes and len(state[1]) <= 8)
        and (are(state[1], int) and all(0 <= length < 2**40 for length in state[1]))
    )
    dtype = state[2].of_numbers() if fits else None
    if dtype is None or math.prod(state[1]) * dtype.itemsize != len(state[4]):
        raise pickle.UnpicklingError('it gives a numpy array a state that numpy does not write')
    array.__setstate__((1, state[1], dtype, state[3], state[4]))
    return len(state[4])


def new_curve() -> HistoryBuffer:
    """One of mmengine's curves, with a value: without any it would stop a training later."""
    return HistoryBuffer([0.0], [1])


def fill_curve(curve: HistoryBuffer, state: Any) -> None:
    """Give a curve its values and their counts; its methods are mmengine's own, whatever the file says."""
    state = state if type(state) is dict else {}
    most, values, counts = (state.get(name) for name in ('max_length', '_log_history', '_count_history'))
    fits = (
        (type(most) is int and 0 < most < 2**40 and state.keys() <= {'max_length', '_log_history', '_count_history', 'statistics_methods'})
        and are((values, counts), np.ndarray)
        and (values.ndim == 1 and values.shape == counts.shape and 0 < len(values) <= most)
    )
    if not fits:
        raise pickle.UnpicklingError('it gives a HistoryBuffer a state that mmengine does not write')
    vars(curve).update(max_length=most, _log_history=values, _count_history=counts)


METHODS: dict[tuple[type, str], Any] = {}  # what a pickle may ask a class for


def method(owner: type, name: str) -> Any:
    """``getattr`` of what is in ``METHODS``."""
    return METHODS[owner, name]


def as_dict(found: dict[Any, Any]) -> dict[Any, Any]:
    """A part of a config as a plain dict."""
    return dict(found)


KNOWN: dict[str, Any] = {
    'argparse.Namespace': Namespace,
    'collections.OrderedDict': OrderedDict,
    'collections.Counter': Counter,  # milestones of mmengine's MultiStepLR
    'builtins.set': set,
    '__builtin__.set': set,
    'builtins.bytes': bytes,
    '__builtin__.bytes': bytes,
    '_codecs.encode': encode,
    'torch.Size': torch.Size,
    'torch.device': torch.device,
    # What an iBOT / VisionFM checkpoint holds besides tensors: numpy numbers in the optimizer's groups, and its arguments.
    # Both spellings of numpy's private module are known whichever numpy reads the file.
    'numpy.core.multiarray.scalar': scalar,
    'numpy._core.multiarray.scalar': scalar,
    'numpy.core.multiarray._reconstruct': new_array,
    'numpy._core.multiarray._reconstruct': new_array,
    'numpy.ndarray': np.ndarray,
    'numpy.dtype': Dtype,
    # What mmengine's runner and hooks write.
    'builtins.getattr': method,
    '__builtin__.getattr': method,
    'mmengine.config.config.ConfigDict': as_dict,
}
for _name in ('_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_tensor_v3', '_rebuild_parameter'):
    if hasattr(torch._utils, _name):
        KNOWN[f'torch._utils.{_name}'] = getattr(torch._utils, _name)

# Function -> its arguments are such as torch and pickle write.
FITS: dict[Any, Callable[..., bool] | None] = {
    set: lambda *given: len(given) == 1 and are(given, list),
    bytes: lambda *given: not given,  # as pickles before protocol 3 hold none
    OrderedDict: lambda *given: (
        not given or (len(given) == 1 and are(given, list) and all(type(pair) in (list, tuple) and len(pair) == 2 for pair in given[0]))
    ),
    Counter: lambda *given: len(given) == 1 and are(given, dict) and are(given[0].values(), int),
    as_dict: lambda *given: len(given) == 1 and are(given, dict),
    torch.Size: lambda *given: len(given) == 1 and are(given, tuple) and are(given[0], int),
    torch.device: lambda *given: 1 <= len(given) <= 2 and are(given[:1], str) and are(given[1:], int),
    encode: lambda *given: len(given) == 2 and are(given, str),
    scalar: lambda *given: len(given) == 2 and are(given[:1], Dtype) and are(given[1:], bytes),
    new_array: lambda *given: len(given) == 3 and given[0] is np.ndarray and are(given[1:], tuple, bytes),
    method: lambda *given: len(given) == 2 and isinstance(given[0], type) and type(given[1]) is str and given in METHODS,
    Dtype: lambda *given: 1 <= len(given) <= 3 and are(given[:1], str) and are(given[1:], bool, int),
    **{KNOWN[name]: None for name in KNOWN if name.startswith('torch._utils.')},  # torch checks them
}


def know_methods(owner: type, *names: str) -> None:
    """Let pickles name a class and these of its functions, as the states of its objects do; neither can be called by a pickle."""
    KNOWN[f'{owner.__module__}.{owner.__qualname__}'] = owner
    for name in names:
        METHODS[owner, name] = KNOWN[f'{owner.__module__}.{owner.__qualname__}.{name}'] = getattr(owner, name)


know_methods(HistoryBuffer, 'min', 'max', 'mean', 'current')

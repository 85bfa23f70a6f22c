"""Arithmetic of a forward pass: float32, or bfloat16 where the machine computes it natively."""

import contextlib
import functools
from pathlib import Path
from typing import Any

import torch

from ..errors import ConfigError

PRECISIONS = ('float32', 'bfloat16', 'auto')


def check_precision(owner: str, precision: str) -> str:
    """``precision`` if it is one of :data:`PRECISIONS`; raises :class:`ConfigError` otherwise."""
    if precision not in PRECISIONS:
        raise ConfigError(f'{owner}: precision={precision!r} is unknown, use one of {", ".join(PRECISIONS)}')
    return precision


def native_bfloat16(device: torch.device | str) -> bool:
    """Whether a device multiplies in bfloat16 itself (Ampere and later GPUs, recent CPUs); elsewhere it is slower than float32."""
    if torch.device(device).type == 'cuda':
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.device(device).type == 'cpu' and _cpu_has_bfloat16()


@functools.cache
def _cpu_has_bfloat16() -> bool:
    try:
        flags = set(Path('/proc/cpuinfo').read_text().split())
    except OSError:  # not Linux
        return False
    return not flags.isdisjoint({'avx512_bf16', 'amx_bf16', 'bf16'})


def resolve_precision(precision: str, device: torch.device | str) -> str:
    """``'float32'`` or ``'bfloat16'``: what ``'auto'`` means on a device."""
    if precision != 'auto':
        return precision
    return 'bfloat16' if native_bfloat16(device) else 'float32'


def computing_in(precision: str, device: torch.device | str) -> contextlib.AbstractContextManager[Any]:
    """A context in which convolutions and matrix products on ``device`` are computed in ``precision``; sums, norms stay float32.

    ``'float32'`` leaves an outer autocast as it is.
    """
    if resolve_precision(precision, device) == 'float32':
        return contextlib.nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)

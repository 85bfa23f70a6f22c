"""A weights file with its numbers drawn anew: an encoder of the same architecture that has learnt nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...fileio.safe_load import safe_load
from ...fileio.tensor_file import NamedTensors, save_safetensors
from ...fileio.whole_files import write_whole

_LEFT_OUT = ('optimizer', 'optimizer_state_dict')  # the largest part of many files, which no encoder is read from


def write_redrawn(file: str | Path, target: str | Path, seed: int) -> Path:
    """Write a copy of a weights file with the same names, shapes and containers and with random numbers.

    As a ViT is initialised: matrices, tokens and position tables from a normal distribution of deviation 0.02, biases 0, norms 1.  What is
    no weight (whole numbers, masks, frequencies of positions) and layer scales stay as they are.

    Args:
        file (str | Path): The weights file.
        target (str | Path): Written whole or not at all; its folder is made if needed.
        seed (int): Same seed, same numbers.

    Returns:
        Path: ``target``.

    Raises:
        FileError: If the file cannot be read.
        WriteError: If the copy cannot be written.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    loaded = safe_load(file, mapped=True)
    drawn = _Redraw(seed).container(loaded)
    if isinstance(loaded, NamedTensors):
        write_whole(target, lambda temporary: save_safetensors(drawn, temporary, loaded.metadata))
    else:
        write_whole(target, lambda temporary: torch.save(drawn, temporary))
    return target


class _Redraw:
    """Goes through a file's containers; a tensor that stands there twice stays one."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.done: dict[tuple[Any, ...], Tensor] = {}

    def container(self, value: Any, name: str = '') -> Any:
        if isinstance(value, Tensor):
            key = (value.data_ptr(), value.shape, value.stride(), value.dtype)
            if key not in self.done:
                self.done[key] = self.tensor(name, value)
            return self.done[key]
        if isinstance(value, Mapping):
            return {key: self.container(inner, str(key)) for key, inner in value.items() if name or key not in _LEFT_OUT}
        return value

    def tensor(self, name: str, value: Tensor) -> Tensor:
        if not value.is_floating_point() or name.endswith(('mask', 'periods', 'inv_freq')):
            return value.clone()
        if value.ndim > 1:
            return nn.init.trunc_normal_(torch.empty(value.shape), std=0.02, generator=self.generator).to(value.dtype)
        if name.endswith('bias'):
            return torch.zeros_like(value)
        return torch.ones_like(value) if name.endswith('weight') else value.clone()  # of a norm; a layer scale's

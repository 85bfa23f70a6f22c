"""Safetensors files: named tensors and a few texts, nothing that could run.  They have no checksums."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import FileError

MOST_HEADER = 16 * 2**20  # bytes; a ViT-B's 150 tensors take 15,000


class NamedTensors(dict[str, Tensor]):
    """The tensors of a safetensors file by name, and the texts beside them.

    Attributes:
        metadata (dict[str, str]): The texts.
    """

    def __init__(self, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
        super().__init__(tensors)
        self.metadata = metadata


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors do: 8 bytes that are no text (the header's length), then a brace."""
    with path.open('rb') as file:
        head = file.read(9)
    return head[8:] == b'{' and not all(byte in b'\t\r\n' or 32 <= byte < 127 for byte in head[:8])


def read_safetensors(path: Path, map_location: Any = 'cpu', mapped: bool = False) -> NamedTensors:
    """Read a safetensors file.

    Args:
        path (Path): The file.
        map_location (str | torch.device): Where the tensors go; anything else that :func:`torch.load` takes stands for the CPU.
        mapped (bool): Leave tensors in the file until they are used; for a file that nobody writes again.

    Raises:
        FileError: If its header is damaged or too long, the file is cut off, or its numbers are of a type that this torch does not know.
    """
    size = path.stat().st_size
    with path.open('rb') as file:
        length = int.from_bytes(file.read(8), 'little')
    again = 'copy or download it again'
    if length > size - 8:
        raise FileError(
            f'{path} starts as a safetensors file but is cut off or damaged: it has {size:,} bytes, its header alone is said to have '
            f'{length:,}; {again}'
        )
    if length > MOST_HEADER:
        raise FileError(f'{path}: its safetensors header has {length:,} bytes, at most {MOST_HEADER:,} are read')
    device = map_location if isinstance(map_location, (str, torch.device)) else 'cpu'
    tensors = {}
    try:
        with safe_open(str(path), framework='pt', device='cpu') as opened:
            metadata = opened.metadata() or {}
            for name in opened.keys():
                tensor = opened.get_tensor(name)
                tensors[name] = tensor.to(device) if mapped else tensor.to(device, copy=True)
    except (SafetensorError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        reason = ' '.join(str(error).split())[:160]
        raise FileError(f'{path} cannot be read as a safetensors file, it is damaged or cut off ({reason}); {again}') from error
    return NamedTensors(tensors, metadata)


def save_safetensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, as ``torch.save`` writes a checkpoint; let :func:`.write_whole` call it.

    Args:
        tensors (dict[str, Tensor]): Dense; two of them may share their memory, and are written twice.
        path (Path): The file.
        metadata (dict[str, str], optional): Texts beside them.

    Raises:
        OSError: If the file cannot be written.
    """
    own = {name: tensor.detach().to('cpu', copy=True, memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    path.write_bytes(save(own, metadata=metadata))  # the package's own writer makes files that only their owner may read

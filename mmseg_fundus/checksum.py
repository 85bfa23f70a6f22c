import hashlib
import zlib

import numpy as np
import torch


def checksum(data, start: int = 0) -> int:
    """CRC-32 of bytes or of an array's bytes, going on from another one's."""
    return zlib.crc32(np.ascontiguousarray(data).reshape(-1).view(np.uint8) if isinstance(data, np.ndarray) else data, start)


def tensors_sha256(tensors: dict) -> bytes:
    """SHA-256 of named tensors, names and values (32 bytes), whatever their order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.digest()


def file_sha256(path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()

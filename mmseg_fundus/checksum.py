import zlib

import numpy as np


def checksum(data, start: int = 0) -> int:
    """CRC-32 of bytes or of an array's bytes, going on from another one's."""
    return zlib.crc32(np.ascontiguousarray(data).reshape(-1).view(np.uint8) if isinstance(data, np.ndarray) else data, start)

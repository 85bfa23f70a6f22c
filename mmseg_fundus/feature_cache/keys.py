"""Under what maps are kept."""

import hashlib
import json
from typing import Any, NamedTuple

from torch import Tensor


class MapKey(NamedTuple):
    """Where the maps of an input are kept, and the maps if they were there.

    A training sample that came through :class:`.CachedViews` has it as ``shown``: a data field, which mmengine moves to the device.

    Attributes:
        folder (str): Of the records.
        name, number, seal: Of the record, see :class:`~mmseg_fundus.fileio.record_folder.RecordFolder`.
        maps (Tensor, optional): ``(levels, h, w, channels)`` float16.
    """

    folder: str
    name: str
    number: int
    seal: int
    maps: Tensor | None = None

    def to(self, *args: Any, **kwargs: Any) -> 'MapKey':
        """With its maps moved as ``Tensor.to`` moves them."""
        return self if self.maps is None else self._replace(maps=self.maps.to(*args, **kwargs))


def digest(*parts: Any) -> str:
    """16 hexadecimal digits that stand for JSON-like values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]

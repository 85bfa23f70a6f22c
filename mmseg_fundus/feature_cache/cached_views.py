"""Views that are drawn once, and bring the encoder's maps of them."""

from typing import Any

import numpy as np
import torch

from ..datasets.decoded import sample_digest
from ..datasets.views import Views
from ..fileio.checksum import checksum
from .cache import FeatureCache
from .keys import MapKey


class CachedViews:
    """In the place of a data set's :class:`~mmseg_fundus.datasets.views.Views`: the same views, each drawn once.

    A data sample brings as ``shown`` the :class:`.MapKey` of its view, with the maps if they are there.

    Args:
        views (Views): Draws what is missing.
        cache (FeatureCache): Of the same data set.
    """

    def __init__(self, views: Views, cache: FeatureCache) -> None:
        self.inner = views
        self.cache = cache

    @property
    def size(self) -> tuple[int, int]:
        return self.inner.size

    def view(self, info: dict[str, Any], number: int, seed: int = 0) -> dict[str, Any]:
        """View ``number`` of a sample, packed for a model; as the inner views would make it."""
        cache = self.cache
        views, kept, name = cache.pictures[info['name']]
        view = views.read(name, number, cache.view_shape, np.uint8)
        if view is None:
            results = self.inner.draw(info, number, seed)
            view = np.concatenate([results['img'].transpose(2, 0, 1), results['gt_seg_map'][None]])
            if sample_digest(info) != name:  # a file was changed since the start
                return self.inner.packing(results)
            views.write(name, number, view)
        else:
            results = dict(
                info,
                img=np.ascontiguousarray(view[:3].transpose(1, 2, 0)),
                gt_seg_map=view[3],
                img_shape=cache.view_shape[1:],
                seg_fields=['gt_seg_map'],
            )
        packed = self.inner.packing(results)
        seal = checksum(view)
        maps = kept.read(name, number, cache.map_shape, np.float16, seal)
        key = MapKey(str(kept.folder), name, number, seal, None if maps is None else torch.from_numpy(maps))
        packed['data_samples'].set_field(key, 'shown')
        return packed

    def __repr__(self) -> str:
        return repr(self.inner)

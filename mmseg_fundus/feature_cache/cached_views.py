"""Views that are drawn once, and bring the encoder's maps of them."""

from typing import NamedTuple

import numpy as np
import torch

from ..datasets.decoded import sample_digest
from ..fileio.checksum import checksum


class MapKey(NamedTuple):
    """Under what the maps of a view are kept: in a data sample's metainfo as ``map_key``, if they are not there yet."""

    name: str
    number: int
    seal: int


class CachedViews:
    """In the place of a data set's :class:`~mmseg_fundus.datasets.views.Views`: the same views, each drawn once.

    A data sample brings the maps (``encoder_maps``, a float16 tensor) or, where they are not there yet, their ``map_key``.

    Args:
        views (Views): Draws what is missing.
        cache (FeatureCache): Of the same data set.
    """

    def __init__(self, views, cache):
        self.inner = views
        self.cache = cache

    @property
    def size(self) -> tuple:
        return self.inner.size

    def view(self, info: dict, number: int, seed: int = 0) -> dict:
        """View ``number`` of a sample, packed for a model; as the inner views would make it."""
        cache = self.cache
        name = cache.pictures[info['name']]
        view = cache.views.read(name, number, cache.view_shape, np.uint8)
        if view is None:
            results = self.inner.draw(info, number, seed)
            view = np.concatenate([results['img'].transpose(2, 0, 1), results['gt_seg_map'][None]])
            if sample_digest(info) != name:  # a file was changed since the start
                return self.inner.packing(results)
            cache.views.write(name, number, view)
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
        maps = cache.maps.read(name, number, cache.map_shape, np.float16, seal)
        if maps is None:
            packed['data_samples'].set_metainfo({'map_key': MapKey(name, number, seal)})
        else:
            packed['data_samples'].encoder_maps = torch.from_numpy(maps)
        return packed

    def __repr__(self) -> str:
        return repr(self.inner)

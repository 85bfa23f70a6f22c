from collections.abc import Iterator
from typing import NamedTuple

from mmengine.dataset import DefaultSampler
from mmseg.registry import DATA_SAMPLERS


class View(NamedTuple):
    """What a sampler asks a vessel data set for: a sample, and what its random view is drawn from."""

    index: int
    epoch: int
    seed: int


@DATA_SAMPLERS.register_module()
class ViewSampler(DefaultSampler):
    """mmengine's ``DefaultSampler``, handing out :class:`View` instead of bare indices.

    A random view then depends on the seed, the epoch and the picture alone: not on the number of workers, not on which process
    draws it, not on whether the training was interrupted and resumed.  Arguments as in ``DefaultSampler``.
    """

    def __iter__(self) -> Iterator[View]:
        return (View(index, self.epoch, self.seed) for index in super().__iter__())

from collections.abc import Iterator
from typing import NamedTuple

from mmengine.dataset import DefaultSampler
from mmseg.registry import DATA_SAMPLERS

from ..errors import ConfigError


class View(NamedTuple):
    """What a sampler asks a vessel data set for: a sample, and what its random view is drawn from."""

    index: int
    epoch: int
    seed: int
    draw: int = 0


@DATA_SAMPLERS.register_module()
class ViewSampler(DefaultSampler):
    """mmengine's ``DefaultSampler``, handing out :class:`View` instead of bare indices.

    A random view then depends on the seed, the epoch and the picture alone: not on the number of workers, not on which process
    draws it, not on whether the training was interrupted and resumed.

    Args:
        dataset, shuffle, seed, round_up: As in ``DefaultSampler``.
        repeats (int): Views drawn of each picture in an epoch; several where a view is a small crop.
    """

    def __init__(self, dataset, shuffle=True, seed=None, round_up=True, repeats=1):
        if repeats < 1:
            raise ConfigError(f'ViewSampler: repeats={repeats} must be 1 or more')
        self.pictures = len(dataset)
        super().__init__(range(self.pictures * repeats), shuffle=shuffle, seed=seed, round_up=round_up)

    def __iter__(self) -> Iterator[View]:
        return (View(i % self.pictures, self.epoch, self.seed, i // self.pictures) for i in super().__iter__())

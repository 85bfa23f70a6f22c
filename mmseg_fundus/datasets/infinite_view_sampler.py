from collections.abc import Iterator
from itertools import islice

from mmseg.registry import DATA_SAMPLERS

from .view_sampler import ViewSampler
from .views import View


@DATA_SAMPLERS.register_module()
class InfiniteViewSampler(ViewSampler):
    """:class:`ViewSampler` without an end, for loops that count iterations: one epoch's order after the other.

    Args:
        dataset, shuffle, seed, round_up, repeats, views: As in :class:`ViewSampler`.
    """

    _skipped = 0

    def skip(self, num_samples: int) -> None:
        """Begin after so many views of this process, as a training that is resumed does; mmengine's loop calls it."""
        self._skipped = num_samples

    def set_epoch(self, epoch: int) -> None:
        """Does nothing: such a loop is in its first epoch from beginning to end."""

    def __iter__(self) -> Iterator[View]:
        self.epoch, begun = divmod(self._skipped, self.num_samples)
        while True:
            yield from islice(super().__iter__(), begun, None)
            self.epoch, begun = self.epoch + 1, 0

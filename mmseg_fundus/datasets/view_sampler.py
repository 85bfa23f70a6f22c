from collections.abc import Iterator

from mmengine.dataset import BaseDataset, ConcatDataset, DefaultSampler, RepeatDataset
from mmseg.registry import DATA_SAMPLERS

from ..errors import ConfigError
from .views import View

DRAWS = ('natural', 'balanced')


@DATA_SAMPLERS.register_module()
class ViewSampler(DefaultSampler):
    """mmengine's ``DefaultSampler``, handing out :class:`View` instead of bare indices.

    A random view then depends on its number, the seed and the picture alone: not on the number of workers, not on which process
    draws it, not on whether the training was interrupted and resumed, not on what the picture's data set is joined with.

    Args:
        dataset: A vessel data set, or several in mmengine's ``ConcatDataset`` and ``RepeatDataset``, also of one another.  A picture
            that is repeated is drawn so many times, each time as another view.
        shuffle, seed, round_up: As in ``DefaultSampler``.
        repeats (int): Views drawn of each picture in an epoch; several where a view is a small crop.
        views (int, optional): Different views of each picture, which the epochs take in turn, the same whatever the seed; a frozen
            encoder's maps of them can be kept (``FeatureCacheHook``).  ``None``: new ones in each epoch.
        draw (str): Of several sources, ``'natural'`` draws every picture equally often, ``'balanced'`` every source, in an epoch of
            the same length (rounded up): each takes its pictures in turn and goes on where the last epoch ended.
    """

    def __init__(
        self,
        dataset: BaseDataset | ConcatDataset | RepeatDataset,
        shuffle: bool = True,
        seed: int | None = None,
        round_up: bool = True,
        repeats: int = 1,
        views: int | None = None,
        draw: str = 'natural',
    ) -> None:
        if repeats < 1:
            raise ConfigError(f'ViewSampler: repeats={repeats} must be 1 or more')
        if views is not None and (not isinstance(views, int) or views < 1):
            raise ConfigError(f'ViewSampler: views={views!r} must be 1 or more, or None for new views in each epoch')
        if draw not in DRAWS:
            raise ConfigError(f'ViewSampler: draw={draw!r} is unknown, use one of {", ".join(DRAWS)}')
        members = _members(dataset)
        self.repeats = repeats
        self.views = views
        self._turns, self._first = _turns(members)
        self._sources: list[list[int]] | None = None
        count = len(members)
        if draw == 'balanced':
            self._sources = _sources(dataset, members)
            count = -(-count // len(self._sources)) * len(self._sources)
        self.pictures = count
        super().__init__(range(count * repeats), shuffle=shuffle, seed=seed, round_up=round_up)

    def view(self, index: int, drawn: int) -> View:
        """The view at ``index`` of the data set after that index was drawn ``drawn`` times since the training began."""
        turn, turns = self._turns[index]
        number = drawn * turns + turn
        return View(index, number, self.seed) if self.views is None else View(index, number % self.views)

    def views_in(self, epochs: int | None) -> int | None:
        """How many of the ``views`` of a picture that many epochs meet at most; all if their number is not known."""
        if epochs is None or self.views is None:
            return self.views
        drawn = epochs * self.repeats
        if self._sources is not None:
            share = self.pictures // len(self._sources)
            drawn = max(-(-drawn * share // len(source)) for source in self._sources)
        return min(self.views, drawn * max(turns for _, turns in self._turns))

    def different_views(self, epochs: int | None) -> list[View]:
        """The ``views`` that so many epochs draw, each once; all of every picture if their number is not known."""
        if epochs is None:
            if self.views is None:
                raise ConfigError('ViewSampler: without views each epoch has new ones, and how many epochs there are is not known')
            return [View(index, number) for number in range(self.views) for index in dict.fromkeys(self._first)]
        drawn = (self._drawn(i, epoch) for epoch in range(epochs) for i in range(self.pictures * self.repeats))
        return list({(self._first[view.index], view.number): view for view in drawn}.values())

    def __iter__(self) -> Iterator[View]:
        return (self._drawn(i, self.epoch) for i in super().__iter__())

    def _drawn(self, i: int, epoch: int) -> View:
        """View ``i`` of an epoch, before it is shuffled."""
        if self._sources is None:
            return self.view(i % self.pictures, epoch * self.repeats + i // self.pictures)
        share = self.pictures * self.repeats // len(self._sources)
        source, at = self._sources[i // share], epoch * share + i % share
        return self.view(source[at % len(source)], at // len(source))


def _members(dataset: BaseDataset | ConcatDataset | RepeatDataset) -> list[tuple[BaseDataset, int]]:
    """``(the data set it is read from, index there)`` for each index of a data set that may be made of others."""
    if isinstance(dataset, ConcatDataset):
        return [member for part in dataset.datasets for member in _members(part)]
    if isinstance(dataset, RepeatDataset):
        return _members(dataset.dataset) * dataset.times
    if not hasattr(dataset, 'views'):
        raise ConfigError(
            f'ViewSampler: {type(dataset).__name__} cannot draw views, FundusVessels and its likes can, and ConcatDataset and '
            "RepeatDataset of them; with others use sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True)"
        )
    return [(dataset, i) for i in range(len(dataset))]


def _turns(members: list[tuple[BaseDataset, int]]) -> tuple[list[tuple[int, int]], list[int]]:
    """For each index, ``(how often its picture stood before it, how often it stands there at all)``; and where it stands first."""
    places: dict[tuple[int, int], list[int]] = {}
    for index, (dataset, i) in enumerate(members):
        places.setdefault((id(dataset), i), []).append(index)
    turns, first = [(0, 1)] * len(members), list(range(len(members)))
    for found in places.values():
        for turn, index in enumerate(found):
            turns[index], first[index] = (turn, len(found)), found[0]
    return turns, first


def _sources(dataset: BaseDataset | ConcatDataset | RepeatDataset, members: list[tuple[BaseDataset, int]]) -> list[list[int]]:
    """Indices of each source, of whatever data set it is; raises :class:`ConfigError` if there is one alone."""
    found: dict[tuple[int, int | None], list[int]] = {}
    for index, (part, i) in enumerate(members):
        found.setdefault((id(part), part.get_data_info(i).get('source')), []).append(index)
    if len(found) < 2:
        raise ConfigError(f"ViewSampler: draw='balanced' needs several sources, {type(dataset).__name__} has one; leave it out")
    return list(found.values())

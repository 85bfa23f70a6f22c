from collections.abc import Iterator

from mmengine.dataset import DefaultSampler
from mmseg.registry import DATA_SAMPLERS

from ..errors import ConfigError
from .views import View


@DATA_SAMPLERS.register_module()
class ViewSampler(DefaultSampler):
    """mmengine's ``DefaultSampler``, handing out :class:`View` instead of bare indices.

    A random view then depends on its number, the seed and the picture alone: not on the number of workers, not on which process
    draws it, not on whether the training was interrupted and resumed.

    Args:
        dataset, shuffle, seed, round_up: As in ``DefaultSampler``.
        repeats (int): Views drawn of each picture in an epoch; several where a view is a small crop.
        views (int, optional): Different views of each picture, which the epochs take in turn, the same whatever the seed; a frozen
            encoder's maps of them can be kept (``FeatureCacheHook``).  ``None``: new ones in each epoch.
    """

    def __init__(self, dataset, shuffle=True, seed=None, round_up=True, repeats=1, views=None):
        if repeats < 1:
            raise ConfigError(f'ViewSampler: repeats={repeats} must be 1 or more')
        if views is not None and (not isinstance(views, int) or views < 1):
            raise ConfigError(f'ViewSampler: views={views!r} must be 1 or more, or None for new views in each epoch')
        if not hasattr(dataset, 'views'):
            raise ConfigError(
                f'ViewSampler: {type(dataset).__name__} cannot draw views, FundusVesselDataset and its likes can; several data sets in '
                "one: put their files into one folder, or use sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True)"
            )
        self.pictures = len(dataset)
        self.repeats = repeats
        self.views = views
        super().__init__(range(self.pictures * repeats), shuffle=shuffle, seed=seed, round_up=round_up)

    def view(self, index: int, drawn: int) -> View:
        """The view of picture ``index`` after ``drawn`` others of it since the training began."""
        return View(index, drawn, self.seed) if self.views is None else View(index, drawn % self.views)

    def views_in(self, epochs: int | None) -> int:
        """How many of the ``views`` of a picture that many epochs meet; all if their number is not known."""
        return self.views if epochs is None else min(self.views, epochs * self.repeats)

    def __iter__(self) -> Iterator[View]:
        first = self.epoch * self.repeats
        return (self.view(i % self.pictures, first + i // self.pictures) for i in super().__iter__())

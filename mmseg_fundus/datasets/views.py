"""Random views of a data set's pictures: what a sampler asks for, and how one is made."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmseg.datasets import PackSegInputs

from ..fileio.checksum import checksum
from .decoded import DecodedPictures
from .random_view import RandomFundusView
from .transforms import LoadVesselAnnotations


class View(int):
    """What a sampler asks a data set for: a sample, the number of its random view, and the seed of all views.

    It is the sample's index, and stays a view where mmengine's ``ConcatDataset`` and ``RepeatDataset`` turn that into the index of
    one of their members.

    Args:
        index (int): Of the sample.
        number (int): Of the view.
        seed (int): Of all views.
    """

    number: int
    seed: int

    def __new__(cls, index: int, number: int, seed: int = 0) -> 'View':
        view = super().__new__(cls, index)
        view.number, view.seed = number, seed
        return view

    @property
    def index(self) -> int:
        """The sample's index as a plain number."""
        return int(self)

    def __sub__(self, other: int) -> 'View':  # ConcatDataset: minus the samples of the members before
        return View(int(self) - int(other), self.number, self.seed)

    def __mod__(self, other: int) -> 'View':  # RepeatDataset: modulo the samples that it repeats
        return View(int(self) % int(other), self.number, self.seed)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, View):
            return (int(self), self.number, self.seed) == (int(other), other.number, other.seed)
        return int(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__

    def __getnewargs__(self) -> tuple[int, int, int]:  # type: ignore[override]  # on the way to a worker, which a plain int goes too
        return int(self), self.number, self.seed

    def __repr__(self) -> str:
        return f'View({int(self)}, {self.number}, {self.seed})'


class Drawn(NamedTuple):
    """Which view of which picture is drawn: in ``results['view']``, it decides what :class:`.RandomFundusView` draws."""

    picture: str
    number: int
    seed: int = 0

    def random(self) -> np.random.Generator:
        """The same numbers for the same view of the same picture, in every process."""
        return np.random.default_rng((self.seed, checksum(self.picture.encode()), self.number))


class Views:
    """Makes views of samples in named steps: load, annotate, draw, pack.

    Whoever keeps views (the feature cache) puts an object with :meth:`view` in the place of a data set's ``views``.

    Args:
        settings (dict): Arguments of :class:`.RandomFundusView`.
        annotate (type): The step that reads label and field of view.
        keep_decoded (bool): Keep decoded pictures of a small data set in the cache folder.
    """

    samples: Callable[[], Sequence[dict[str, Any]]]  # of the data set, which sets it

    def __init__(self, settings: dict[str, Any], annotate: type[BaseTransform] = LoadVesselAnnotations, keep_decoded: bool = True) -> None:
        self.load, self.annotate, self.packing = plain_steps(annotate)
        self.random_view = RandomFundusView(**settings)
        self.keep_decoded = keep_decoded
        self._decoded: DecodedPictures | None = None

    @property
    def steps(self) -> list[BaseTransform]:
        """The pipeline of these steps."""
        return [self.load, self.annotate, self.random_view, self.packing]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a view."""
        return self.random_view.size

    def draw(self, info: dict[str, Any], number: int, seed: int = 0) -> dict[str, Any]:
        """View ``number`` of a sample, not packed yet: ``img`` ``(H, W, 3)``, ``gt_seg_map`` ``(H, W)``, uint8."""
        info = dict(info, view=Drawn(info['name'], number, seed))
        if not self.keep_decoded:
            return self.random_view(self.annotate(self.load(info)))
        if self._decoded is None:  # in this process
            self._decoded = DecodedPictures(self.samples())
        return self.random_view(self._decoded.load(info, lambda info: self.annotate(self.load(info))))

    def view(self, info: dict[str, Any], number: int, seed: int = 0) -> dict[str, Any]:
        """View ``number`` of a sample, packed for a model."""
        return self.packing(self.draw(info, number, seed))

    def __repr__(self) -> str:
        return repr(self.random_view)


def plain_steps(annotate: type[BaseTransform] = LoadVesselAnnotations) -> list[BaseTransform]:
    """Load a picture as it is stored, read its label and field of view, pack."""
    load = LoadImageFromFile(imdecode_backend='pillow', color_type='color_ignore_orientation', backend_args=dict(backend='gunzip'))
    return [load, annotate(), PackSegInputs()]

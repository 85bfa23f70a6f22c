"""What is known of a data set before its pictures are opened: where its files lie and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from mmengine.registry import Registry

from ...errors import ConfigError, NothingThereError
from ..label_file import LABEL_VALUES
from ..layout import UNLABELLED, converted, list_converted
from ..transforms import FOV_MODES

SOURCES = Registry('fundus source', scope='mmseg')  # every source by its name; packages add theirs: @SOURCES.register_module()


class Rule(NamedTuple):
    """Where files of one kind go when a download is unpacked.

    Attributes:
        pattern (str): Regular expression of the end of a file's path inside the archive, whatever folders it lies in.
        target (str): Path below the data set's folder, with ``\\1`` ... for the pattern's groups.
        count (int): Files of the kind in the whole set.
        optional (bool): May be missing altogether: not every download has them.
    """

    pattern: str
    target: str
    count: int  # type: ignore[assignment]  # a tuple's own count is not used
    optional: bool = False


class Source:
    """One data set as it lies on disk.  A subclass writes :meth:`list_samples` and fills in what it knows of the fields below.

    Registered in :data:`SOURCES`, a source is known to configs (``source=dict(type='DRIVE', root=...)``), to ``--dataset``, and where
    it has ``rules`` to ``tools/unpack_dataset.py``, where it has a ``recipe`` to ``tools/reproduce.py``.

    Args:
        root (str | Path, optional): The data set's folder; ``data/<name>``.
        observer (str): Whose labels: ``'first'``, or another of ``observers``.
        fov (str): Field of view: ``'auto'`` is the shipped mask, or found in the picture where there is none, ``'found'`` always
            found (:func:`.find_fov`), ``'none'`` the whole frame.
        field_angle (float, optional): Degrees that the field of view shows; the set's own.
        label_values (str): What the numbers in label files mean: ``'auto'``, ``'indices'`` (0, 1, and 255 ignored), ``'white'`` or
            ``'not_black'``, see :func:`.read_label`.
        division (dict, optional): Which pictures train, where this source differs from its data set's ``division``.

    Attributes:
        name: In configs and on the command line; the class's name.
        field_angle: Degrees that the field of view shows.
        observers: Observer to what a label's name has behind the picture's; empty for folders of one's own.
        ids: Part (``'training'``, ``'test'``) to how its pictures' names begin, so that missing ones are told.
        rules: Where the files of a download go.
        labelled: Whether pictures have labels.
        general: Reads folders of any name: no data set that could be known by its name.
        data_set: Name of the data set class of this source alone, which older configs and results name.
        recipe: Config that trains it for accuracy: a name below ``configs``, or a path.
        layout, pictures, usual_division, licence, address: In words, for the tables in the documentation.
    """

    name: ClassVar[str] = ''
    field_angle: float = 45.0
    observers: ClassVar[dict[str, str]] = {}
    ids: ClassVar[dict[str, list[str]]] = {}
    rules: ClassVar[tuple[Rule, ...]] = ()
    labelled: ClassVar[bool] = True
    general: ClassVar[bool] = False
    data_set: ClassVar[str] = ''
    recipe: ClassVar[str] = ''
    layout: ClassVar[str] = ''
    pictures: ClassVar[str] = ''
    usual_division: ClassVar[str] = ''
    licence: ClassVar[str] = ''
    address: ClassVar[str] = ''

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if 'name' not in vars(cls):
            cls.name = cls.__name__

    def __init__(
        self,
        root: str | Path | None = None,
        observer: str = 'first',
        fov: str = 'auto',
        field_angle: float | None = None,
        label_values: str = 'auto',
        division: dict[str, Any] | None = None,
    ) -> None:
        self.root = str(Path('data') / self.name) if root is None else str(root)
        self.observer = observer
        self.fov = fov
        if field_angle is not None:
            self.field_angle = field_angle
        self.label_values = label_values
        self.division = division

    def list_samples(self, root: Path, part: str) -> list[dict[str, Any]]:
        """Samples of one part of the data set; what a subclass writes for its layout.

        Args:
            root (Path): The data set's folder, which exists.
            part (str): ``'training'`` or ``'test'``.

        Returns:
            list[dict]: With ``img_path``, ``seg_map_path`` and perhaps ``fov_path``, see :func:`.layout.pair`.
        """
        raise ConfigError(
            f'the source {type(self).__name__} has no list_samples(self, root, part), which finds its pictures; see docs/extending.md'
        )

    @property
    def undivided(self) -> str:
        """Why ``'training'`` and ``'test'`` are the same pictures, in words; '' where they are not."""
        return ''

    @property
    def suffix(self) -> str:
        """What a label's name has behind its picture's, of this observer."""
        return self.observers.get(self.observer, '')

    def list_part(self, root: Path, part: str) -> list[dict[str, Any]]:
        """:meth:`list_samples`, or of a public set the folders that mmsegmentation's converters write.

        Raises:
            NothingThereError: If a folder is missing or empty.
            DataError: Naming the file that is unpaired or unexpected.
        """
        try:
            if self.observers and converted(root):
                return list_converted(root, part, self.suffix)
            return self.list_samples(root, part)
        except NothingThereError as error:
            if part != 'test':
                raise
            raise NothingThereError(f'{error}. {UNLABELLED}') from error

    def check(self, owner: str) -> Source:
        """Itself; raises :class:`ConfigError` in the name of ``owner`` if a setting is none."""
        if self.fov not in FOV_MODES:
            raise ConfigError(f'{owner}: fov={self.fov!r} is unknown, use one of {", ".join(FOV_MODES)}')
        if self.observer != 'first' and self.observer not in self.observers:
            known = ', '.join(self.observers) if self.observers else 'first; label_dir and label_suffix choose the labels'
            raise ConfigError(f'{owner}: observer={self.observer!r} has no labels in this data set, which has: {known}')
        if self.label_values not in LABEL_VALUES:
            raise ConfigError(f'{owner}: label_values={self.label_values!r} is unknown, use one of {", ".join(LABEL_VALUES)}')
        if not 0 < self.field_angle <= 360:
            raise ConfigError(f'{owner}: field_angle={self.field_angle} must lie in (0, 360], in degrees')
        return self

    def arguments(self) -> dict[str, Any]:
        """Settings that find the same pictures again, but for root, observer and division; plain values."""
        return {'fov': self.fov, 'label_values': self.label_values}

    def remarks(self, root: Path) -> dict[str, str]:
        """What else a record of results should say of the files in ``root``."""
        return {}

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmseg.registry import DATASETS

from .arguments import check_keywords
from .division import Division
from .fundus_vessels import BASE, FundusVessels
from .sources import Folders, Photographs, Source

OF_SOURCE = ('observer', 'fov', 'field_angle', 'label_values')
OF_FOLDERS = ('img_dir', 'label_dir', 'fov_dir', 'img_suffix', 'label_suffix', 'fov_suffix')


@DATASETS.register_module()
class FundusVesselDataset(FundusVessels):
    """A data set of one source, :class:`FundusVessels` with all settings side by side: here of plain folders of one's own pictures.

    The public data sets are subclasses with another ``SOURCE``.  So can be a class of somebody else's, or it writes
    :meth:`list_samples` and perhaps ``FIELD_ANGLE``, ``OBSERVERS`` and ``IDS``, as of :class:`.Source`.

    Args:
        data_root (str): The data set's folder.
        split (str): As in :class:`FundusVessels`.
        augmentation (dict, optional): ``view`` of :class:`FundusVessels`.
        pipeline (list): As there.
        division (dict, optional): Another division into training and test pictures than the usual one, see :func:`.divide`.
        verify, keep_decoded (bool): As there.
        **settings: ``val_fraction``, ``split_seed`` (of the hold-out for validation); ``observer``, ``fov``, ``field_angle``,
            ``label_values`` of :class:`.Source`; ``img_dir``, ``label_dir``, ``fov_dir``, ``img_suffix``, ``label_suffix``,
            ``fov_suffix`` of :class:`.Folders`; those of ``BaseSegDataset``.

    Raises:
        DataError: Naming the file or folder that is missing, unpaired, of another size or unreadable.
        ConfigError: If the arguments contradict each other.
    """

    SOURCE: ClassVar[type[Source]] = Folders
    FIELD_ANGLE: ClassVar[float | None] = None
    OBSERVERS: ClassVar[dict[str, str]] = {}
    IDS: ClassVar[dict[str, list[str]]] = {}
    KEYWORDS = ('val_fraction', 'split_seed', *OF_SOURCE, *OF_FOLDERS, *BASE)
    _VIEW = 'augmentation'

    def __init__(
        self,
        data_root: str | Path,
        split: str = 'train',
        *,
        augmentation: dict[str, Any] | None = None,
        pipeline: Sequence[Any] = (),
        division: dict[str, Any] | None = None,
        verify: bool = True,
        keep_decoded: bool = True,
        **settings: Any,
    ) -> None:
        check_keywords(type(self), settings, FundusVesselDataset)
        folders = {name: settings.pop(name) for name in OF_FOLDERS if name in settings}
        source = {name: settings.pop(name) for name in OF_SOURCE if name in settings}
        super().__init__(
            self._source(data_root, source, folders),
            split,
            Division(division, settings.pop('val_fraction', Division.val_fraction), settings.pop('split_seed', Division.val_seed)),
            augmentation,
            pipeline,
            verify,
            keep_decoded,
            **settings,
        )

    def _source(self, root: str | Path, settings: dict[str, Any], folders: dict[str, Any]) -> Source:
        """``SOURCE`` with what a subclass says of its pictures itself."""
        source = self.SOURCE(root, **(folders if issubclass(self.SOURCE, Folders) else {}), **settings)
        own: dict[str, Any] = {'observers': self.OBSERVERS, 'ids': self.IDS}
        if settings.get('field_angle') is None:
            own['field_angle'] = self.FIELD_ANGLE
        if type(self).list_samples is not FundusVesselDataset.list_samples:
            own['list_samples'] = self.list_samples
        for name, value in {**own, 'data_set': type(self).__name__}.items():
            if value:
                setattr(source, name, value)
        return source

    def _checked(self, settings: Source) -> Source:
        return settings.check(type(self).__name__)

    def _class_of(self, source: Source) -> str:
        return type(self).__name__

    def list_samples(self, root: Path, part: str) -> list[dict[str, Any]]:
        """Samples of one part of the data set, see :meth:`.Source.list_samples`; what a subclass writes for its layout."""
        return self.SOURCE.list_samples(self.sources[0], root, part)


@DATASETS.register_module()
class FundusPhotographsDataset(FundusVesselDataset):
    """Fundus photographs without labels, for pretraining an encoder: every picture in a folder and below it.

    Views are drawn as of labelled pictures: within the field of view, which is found.  What is packed as ``gt_sem_seg`` is no label: 0,
    and 255 outside the field of view.

    Args:
        data_root (str): The folder.  It must hold photographs alone: a data set's labels and masks are pictures too.
        augmentation (dict): Arguments of :class:`~mmseg_fundus.datasets.RandomFundusView`.
        **kwargs: ``fov``, ``field_angle``, ``verify``, ``keep_decoded``, ``indices`` ... of :class:`.FundusVesselDataset`.

    Raises:
        DataError: If the folder is missing or holds no picture, or one cannot be read.
    """

    SOURCE = Photographs

    def __init__(self, data_root: str | Path, augmentation: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(data_root, split='all', augmentation=augmentation, **kwargs)

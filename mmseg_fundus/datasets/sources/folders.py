import re
from pathlib import Path
from typing import Any

from ...errors import ConfigError
from ...fileio.pictures import PICTURE_SUFFIXES
from ..layout import index_folder, pair
from .source import SOURCES, Source


@SOURCES.register_module()
class Folders(Source):
    """Plain folders of one's own: ``<img_dir>/<id>.*``, ``<label_dir>/<id>.*`` (and ``<fov_dir>/<id>.*``), paired by file name.

    Args:
        root (str | Path): The folder that the others are seen from.
        img_dir, label_dir, fov_dir (str): Folders below ``root``; ``{part}`` stands for ``training`` or ``test``.  ``fov_dir``
            is looked at if it is given.
        img_suffix, label_suffix, fov_suffix (str): What the file names have between the id and the dot, e.g. ``'_mask'``.
        **settings: ``fov``, ``field_angle``, ``label_values``, ``division`` of :class:`.Source`.
    """

    general = True
    data_set = 'FundusVesselDataset'
    layout = '`<root>/{training,test}/{images,labels}`, or folders of any name'

    def __init__(
        self,
        root: str | Path,
        img_dir: str = '{part}/images',
        label_dir: str = '{part}/labels',
        fov_dir: str | None = None,
        img_suffix: str = '',
        label_suffix: str = '',
        fov_suffix: str = '',
        **settings: Any,
    ) -> None:
        super().__init__(root=root, **settings)
        self.folders = dict(picture=(img_dir, img_suffix), label=(label_dir, label_suffix), fov=(fov_dir, fov_suffix))

    @property
    def undivided(self) -> str:
        folder = self.folders['picture'][0]
        return '' if self.observers or '{part}' in str(folder) else f'img_dir={folder!r} has no {{part}}'

    def list_samples(self, root: Path, part: str) -> list[dict[str, Any]]:
        found = {}
        for role, (folder, suffix) in self.folders.items():
            if folder is None:
                continue
            others = [s for r, (f, s) in self.folders.items() if r != role and f == folder]
            pattern = ''.join(rf'(?!.+{re.escape(other)}\.[.\w]+$)' for other in others if len(other) > len(suffix))
            found[role] = index_folder(
                root / self._folder(role, folder, part),
                rf'{pattern}(.+?){re.escape(suffix)}\.\w+?(?:\.gz)?',
                f'<id>{suffix}.png ({", ".join(PICTURE_SUFFIXES)})',
                others='|'.join(rf'.+{re.escape(other)}\.\w+?(?:\.gz)?' for other in others),
            )
        return pair(found['picture'], found['label'], found.get('fov'))

    def _folder(self, role: str, folder: str, part: str) -> str:
        try:
            return folder.format(part=part)
        except (KeyError, ValueError, IndexError) as error:
            raise ConfigError(f'{self.data_set}: the {role} folder {folder!r} may hold {{part}} and no other braces') from error

    def arguments(self) -> dict[str, Any]:
        names = {'picture': 'img', 'label': 'label', 'fov': 'fov'}
        own: dict[str, Any] = {}
        for role, (folder, suffix) in self.folders.items():
            own.update({f'{names[role]}_dir': folder, f'{names[role]}_suffix': suffix})
        return {**super().arguments(), **({} if self.observers else own)}

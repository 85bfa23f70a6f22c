from pathlib import Path
from typing import Any

from ...errors import DataError
from ...fileio.pictures import PICTURE_SUFFIXES, is_picture
from .source import SOURCES, Source


@SOURCES.register_module()
class Photographs(Source):
    """Fundus photographs without labels, for pretraining an encoder: every picture in a folder and below it.

    The folder must hold photographs alone: a data set's labels and masks are pictures too.
    """

    labelled = False
    general = True
    data_set = 'FundusPhotographsDataset'
    layout = 'photographs in any folders'

    @property
    def undivided(self) -> str:
        return 'photographs without labels have no parts'

    def list_samples(self, root: Path, part: str) -> list[dict[str, Any]]:
        found = [path for path in sorted(root.rglob('*')) if is_picture(path) and path.is_file()]
        if not found:
            raise DataError(f'{root} holds no photograph ({", ".join(PICTURE_SUFFIXES)}), nor does a folder below it')
        return [dict(img_path=str(path)) for path in found]

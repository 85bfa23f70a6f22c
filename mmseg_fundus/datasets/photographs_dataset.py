from pathlib import Path

from mmseg.registry import DATASETS

from ..errors import DataError
from .reading import PICTURE_SUFFIXES, is_picture
from .transforms import LoadFieldOfView
from .vessel_dataset import FundusVesselDataset


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

    ANNOTATE = LoadFieldOfView

    def __init__(self, data_root, augmentation, **kwargs):
        super().__init__(data_root, split='all', augmentation=augmentation, img_dir='', **kwargs)

    def list_samples(self, root: Path, part: str) -> list:
        found = [path for path in sorted(root.rglob('*')) if is_picture(path) and path.is_file()]
        if not found:
            raise DataError(f'{root} holds no photograph ({", ".join(PICTURE_SUFFIXES)}), nor does a folder below it')
        return [dict(img_path=str(path)) for path in found]

from pathlib import Path

from mmseg.registry import DATASETS

from .layout import index_folder, pair
from .vessel_dataset import FundusVesselDataset


@DATASETS.register_module()
class FIVESVesselDataset(FundusVesselDataset):
    """FIVES: 600 training and 200 test pictures of 2048x2048 pixels, one observer, no field-of-view masks.

    As published, ``<data_root>/train/{Original,Ground truth}/1_A.png``, or in the guide's folders,
    ``<data_root>/{images,annotations}/train/1_A.png``; the same for ``test``.
    Source: https://doi.org/10.6084/m9.figshare.19688169.  Arguments as in :class:`FundusVesselDataset`.
    """

    FIELD_ANGLE = 50.0
    OBSERVERS = dict(first='')

    def list_samples(self, root: Path, part: str) -> list:
        name = 'train' if part == 'training' else part
        if (root / name / 'Original').is_dir():
            pictures, labels = root / name / 'Original', root / name / 'Ground truth'
        else:
            pictures, labels = root / 'images' / name, root / 'annotations' / name
        return pair(
            index_folder(pictures, r'(.+)\.(?:png|jpe?g|tiff?|bmp)', '1_A.png'),
            index_folder(labels, r'(.+)\.(?:png|jpe?g|tiff?|bmp|gif)', '1_A.png'),
        )

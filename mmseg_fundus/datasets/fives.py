from pathlib import Path

from mmseg.registry import DATASETS

from .layout import index_folder, pair
from .vessel_dataset import FundusVesselDataset


@DATASETS.register_module()
class FIVESVesselDataset(FundusVesselDataset):
    """FIVES in the folders of the guide: 600 training and 200 test pictures of 2048x2048 pixels, no field-of-view masks.

    ``<data_root>/images/train/*.png`` with labels of the same name in ``annotations/train``, the same for ``test``.
    Source: https://doi.org/10.6084/m9.figshare.19688169.  Arguments as in :class:`FundusVesselDataset`.
    """

    def list_samples(self, root: Path, part: str) -> list:
        name = 'train' if part == 'training' else part
        return pair(
            index_folder(root / 'images' / name, r'(.+)\.(?:png|jpe?g|tiff?|bmp)', '1_A.png'),
            index_folder(root / 'annotations' / name, r'(.+)\.(?:png|jpe?g|tiff?|bmp|gif)', '1_A.png'),
        )

from pathlib import Path

from mmseg.registry import DATASETS

from .layout import index_folder, pair
from .vessel_dataset import FundusVesselDataset


@DATASETS.register_module()
class DRIVEVesselDataset(FundusVesselDataset):
    """DRIVE as it unpacks: 20 training and 20 test pictures of 565x584 pixels, first observer, field-of-view masks.

    ``<data_root>/training/{images/21_training.tif, 1st_manual/21_manual1.gif, mask/21_training_mask.gif}``, the same below ``test``.
    Source: https://drive.grand-challenge.org.  Arguments as in :class:`FundusVesselDataset`.
    """

    def list_samples(self, root: Path, part: str) -> list:
        folder = root / part
        return pair(
            index_folder(folder / 'images', rf'(\d+)_{part}\.tiff?', f'21_{part}.tif'),
            index_folder(folder / '1st_manual', r'(\d+)_manual1\.gif', '21_manual1.gif'),
            index_folder(folder / 'mask', rf'(\d+)_{part}_mask\.gif', f'21_{part}_mask.gif'),
        )

from pathlib import Path

from mmseg.registry import DATASETS

from .layout import index_folder, pair
from .vessel_dataset import FundusVesselDataset


@DATASETS.register_module()
class DRIVEVesselDataset(FundusVesselDataset):
    """DRIVE as it unpacks: 20 training and 20 test pictures of 565x584 pixels, field-of-view masks, second observer on the test part.

    ``<data_root>/training/{images/21_training.tif, 1st_manual/21_manual1.gif, mask/21_training_mask.gif}``, the same below ``test``
    and ``test/2nd_manual/01_manual2.gif``; or mmsegmentation's converted folders (then without masks).
    Source: https://drive.grand-challenge.org.  Arguments as in :class:`FundusVesselDataset`.
    """

    OBSERVERS = dict(first='_manual1', second='_manual2')
    IDS = dict(training=[str(i) for i in range(21, 41)], test=[f'{i:02d}' for i in range(1, 21)])

    def list_samples(self, root: Path, part: str) -> list:
        folder, suffix = root / part, self.OBSERVERS[self.observer]
        return pair(
            index_folder(folder / 'images', rf'(\d+)_{part}\.tiff?', f'21_{part}.tif'),
            index_folder(folder / f'{"1st" if suffix[-1] == "1" else "2nd"}_manual', rf'(\d+){suffix}\.gif', f'21{suffix}.gif'),
            index_folder(folder / 'mask', rf'(\d+)_{part}_mask\.gif', f'21_{part}_mask.gif'),
        )

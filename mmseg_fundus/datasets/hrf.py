from pathlib import Path

from mmseg.registry import DATASETS

from .layout import index_folder, pair
from .vessel_dataset import FundusVesselDataset

_KINDS = ('dr', 'g', 'h')  # diabetic retinopathy, glaucoma, healthy
_ID = r'(?:0[1-9]|1[0-5])_(?:dr|g|h)'


@DATASETS.register_module()
class HRFVesselDataset(FundusVesselDataset):
    """HRF: 45 pictures of 3504x2336 pixels (15 healthy, 15 glaucoma, 15 diabetic retinopathy), field-of-view masks, one observer.

    ``<data_root>/{images/01_dr.JPG, manual1/01_dr.tif, mask/01_dr_mask.tif}``; or mmsegmentation's converted folders (then without
    masks).  Usual division: the first five of each kind train (15), the rest test (30).
    Source: https://www5.cs.fau.de/research/data/fundus-images/.  Arguments as in :class:`FundusVesselDataset`.
    """

    FIELD_ANGLE = 60.0
    OBSERVERS = dict(first='')
    IDS = dict(
        training=[f'{number:02d}_{kind}' for number in range(1, 6) for kind in _KINDS],
        test=[f'{number:02d}_{kind}' for number in range(6, 16) for kind in _KINDS],
    )

    def list_samples(self, root: Path, part: str) -> list:
        samples = pair(
            index_folder(root / 'images', rf'({_ID})\.jpe?g', '01_dr.JPG'),
            index_folder(root / 'manual1', rf'({_ID})\.tiff?', '01_dr.tif'),
            index_folder(root / 'mask', rf'({_ID})_mask\.tiff?', '01_dr_mask.tif'),
        )
        return [s for s in samples if (int(Path(s['img_path']).stem.split('_')[0]) <= 5) == (part == 'training')]

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
    masks).  Where ``manual1`` is missing, maps of arteries and veins (``manual_av/01_dr_AVmanual.png``, of Chen et al.) are read instead:
    what is not black is vessel, and the field of view is found if ``mask`` is missing too.
    Usual division: the first five of each kind train (15), the rest test (30).
    Source: https://www5.cs.fau.de/research/data/fundus-images/.  Arguments as in :class:`FundusVesselDataset`.
    """

    FIELD_ANGLE = 60.0
    OBSERVERS = dict(first='')
    IDS = dict(
        training=[f'{number:02d}_{kind}' for number in range(1, 6) for kind in _KINDS],
        test=[f'{number:02d}_{kind}' for number in range(6, 16) for kind in _KINDS],
    )

    def list_samples(self, root: Path, part: str) -> list:
        if self._arteries_and_veins(root):
            labels = index_folder(root / 'manual_av', rf'({_ID})_AVmanual\.png', '01_dr_AVmanual.png')
            masked = (root / 'mask').is_dir()
        else:
            labels, masked = index_folder(root / 'manual1', rf'({_ID})\.tiff?', '01_dr.tif'), True
        samples = pair(
            index_folder(root / 'images', rf'({_ID})\.jpe?g', '01_dr.JPG'),
            labels,
            index_folder(root / 'mask', rf'({_ID})_mask\.tiff?', '01_dr_mask.tif') if masked else None,
        )
        return [s for s in samples if (int(Path(s['img_path']).stem.split('_')[0]) <= 5) == (part == 'training')]

    @staticmethod
    def _arteries_and_veins(root: Path) -> bool:
        return not (root / 'manual1').is_dir() and (root / 'manual_av').is_dir()

    def describe(self) -> dict:
        found = super().describe()
        if self._arteries_and_veins(Path(found['root']).expanduser()):
            found['labels'] = 'arteries and veins together (manual_av), not the observer of manual1'
        return found

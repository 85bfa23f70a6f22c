from pathlib import Path

from mmseg.registry import DATASETS

from .layout import index_folder, pair
from .vessel_dataset import FundusVesselDataset

_EYES = [f'{number:02d}{side}' for number in range(1, 15) for side in 'LR']
_EYE = r'Image_(?:0[1-9]|1[0-4])[LR]'
_NAMES = rf'{_EYE}(_1stHO|_2ndHO)?\.(jpe?g|png)'


@DATASETS.register_module()
class ChaseDB1VesselDataset(FundusVesselDataset):
    """CHASE_DB1: 28 pictures (14 children, both eyes) of 999x960 pixels, two observers, no field-of-view masks.

    Flat: ``<data_root>/{Image_01L.jpg, Image_01L_1stHO.png, Image_01L_2ndHO.png}``; or mmsegmentation's converted folders.  Usual
    division: children 1 to 10 train (20 pictures), 11 to 14 test (8); ``division=dict(first=8)`` and ``dict(first=14)`` are others in
    the literature.  Source: https://blogs.kingston.ac.uk/retinal/chasedb1/.  Arguments as in :class:`FundusVesselDataset`.
    """

    FIELD_ANGLE = 30.0
    OBSERVERS = dict(first='_1stHO', second='_2ndHO')
    IDS = dict(training=[f'Image_{eye}' for eye in _EYES[:20]], test=[f'Image_{eye}' for eye in _EYES[20:]])

    def list_samples(self, root: Path, part: str) -> list:
        suffix = self.OBSERVERS[self.observer]
        samples = pair(
            index_folder(root, rf'({_EYE})\.jpe?g', 'Image_01L.jpg', others=_NAMES),
            index_folder(root, rf'({_EYE}){suffix}\.png', f'Image_01L{suffix}.png', others=_NAMES),
        )
        return [s for s in samples if (int(Path(s['img_path']).stem[6:-1]) <= 10) == (part == 'training')]

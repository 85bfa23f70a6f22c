from pathlib import Path
from typing import Any

from ..layout import index_folder, pair
from .source import SOURCES, Rule, Source

_EYES = [f'{number:02d}{side}' for number in range(1, 15) for side in 'LR']
_EYE = r'Image_(?:0[1-9]|1[0-4])[LR]'
_NAMES = rf'{_EYE}(_1stHO|_2ndHO)?\.(jpe?g|png)'


@SOURCES.register_module()
class CHASE_DB1(Source):
    """CHASE_DB1: 28 pictures (14 children, both eyes) of 999x960 pixels, two observers, no field-of-view masks.

    Flat: ``<root>/{Image_01L.jpg, Image_01L_1stHO.png, Image_01L_2ndHO.png}``; or mmsegmentation's converted folders.  Usual
    division: children 1 to 10 train (20 pictures), 11 to 14 test (8); ``division=dict(first=8)`` and ``dict(first=14)`` are others in
    the literature.
    """

    field_angle = 30.0
    observers = dict(first='_1stHO', second='_2ndHO')
    ids = dict(training=[f'Image_{eye}' for eye in _EYES[:20]], test=[f'Image_{eye}' for eye in _EYES[20:]])
    rules = (
        Rule(r'(Image_\d\d[LR]\.jpg)', r'\1', 28),
        Rule(r'(Image_\d\d[LR]_1stHO\.png)', r'\1', 28),
        Rule(r'(Image_\d\d[LR]_2ndHO\.png)', r'\1', 28, optional=True),
    )
    data_set = 'ChaseDB1VesselDataset'
    recipe = 'setr_mla_vitb16_frozen_detail_chase_db1'
    layout = '`data/CHASE_DB1/Image_01L.jpg`, ...'
    pictures = '28 of 999x960'
    usual_division = 'children 1 to 10 train (20), 11 to 14 test (8)'
    licence = 'CC BY 4.0'
    address = 'https://blogs.kingston.ac.uk/retinal/chasedb1/'

    def list_samples(self, root: Path, part: str) -> list[dict[str, Any]]:
        samples = pair(
            index_folder(root, rf'({_EYE})\.jpe?g', 'Image_01L.jpg', others=_NAMES),
            index_folder(root, rf'({_EYE}){self.suffix}\.png', f'Image_01L{self.suffix}.png', others=_NAMES),
        )
        return [s for s in samples if (int(Path(s['img_path']).stem[6:-1]) <= 10) == (part == 'training')]

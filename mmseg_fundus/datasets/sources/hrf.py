from pathlib import Path
from typing import Any

from ..layout import index_folder, pair
from .source import SOURCES, Rule, Source

_KINDS = ('dr', 'g', 'h')  # diabetic retinopathy, glaucoma, healthy
_ID = r'(?:0[1-9]|1[0-5])_(?:dr|g|h)'


@SOURCES.register_module()
class HRF(Source):
    """HRF: 45 pictures of 3504x2336 pixels (15 healthy, 15 glaucoma, 15 diabetic retinopathy), field-of-view masks, one observer.

    ``<root>/{images/01_dr.JPG, manual1/01_dr.tif, mask/01_dr_mask.tif}``; or mmsegmentation's converted folders (then without
    masks).  Where ``manual1`` is missing, maps of arteries and veins (``manual_av/01_dr_AVmanual.png``, of Chen et al.) are read instead:
    what is not black is vessel, and the field of view is found if ``mask`` is missing too.
    Usual division: the first five of each kind train (15), the rest test (30).
    """

    field_angle = 60.0
    observers = dict(first='')
    ids = dict(
        training=[f'{number:02d}_{kind}' for number in range(1, 6) for kind in _KINDS],
        test=[f'{number:02d}_{kind}' for number in range(6, 16) for kind in _KINDS],
    )
    rules = (
        Rule(r'(\d\d_(?:dr|g|h)\.jpe?g)', r'images/\1', 45),
        Rule(r'(\d\d_(?:dr|g|h)\.tiff?)', r'manual1/\1', 45),
        Rule(r'(\d\d_(?:dr|g|h)_mask\.tiff?)', r'mask/\1', 45),
    )
    data_set = 'HRFVesselDataset'
    recipe = 'setr_mla_vitb16_frozen_detail_hrf'
    layout = '`data/HRF/{images,manual1,mask}`, or `manual_av` in place of `manual1`'
    pictures = '45 of 3504x2336'
    usual_division = 'the first 5 of each kind train (15), 30 test'
    licence = 'CC BY 4.0'
    address = 'https://www5.cs.fau.de/research/data/fundus-images/'

    def list_samples(self, root: Path, part: str) -> list[dict[str, Any]]:
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

    def remarks(self, root: Path) -> dict[str, str]:
        if self._arteries_and_veins(root):
            return {'labels': 'arteries and veins together (manual_av), not the observer of manual1'}
        return {}

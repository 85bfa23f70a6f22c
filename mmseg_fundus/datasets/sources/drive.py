from pathlib import Path
from typing import Any

from ..layout import index_folder, pair
from .source import SOURCES, Rule, Source


@SOURCES.register_module()
class DRIVE(Source):
    """DRIVE as it unpacks: 20 training and 20 test pictures of 565x584 pixels, field-of-view masks, second observer on the test part.

    ``<root>/training/{images/21_training.tif, 1st_manual/21_manual1.gif, mask/21_training_mask.gif}``, the same below ``test``
    and ``test/2nd_manual/01_manual2.gif``; or mmsegmentation's converted folders (then without masks).
    """

    observers = dict(first='_manual1', second='_manual2')
    ids = dict(training=[str(i) for i in range(21, 41)], test=[f'{i:02d}' for i in range(1, 21)])
    rules = (
        Rule(r'(\d\d_training\.tiff?)', r'training/images/\1', 20),
        Rule(r'((?:2[1-9]|3\d|40)_manual1\.gif)', r'training/1st_manual/\1', 20),
        Rule(r'(\d\d_training_mask\.gif)', r'training/mask/\1', 20),
        Rule(r'(\d\d_test\.tiff?)', r'test/images/\1', 20),
        Rule(r'((?:0[1-9]|1\d|20)_manual1\.gif)', r'test/1st_manual/\1', 20, optional=True),
        Rule(r'(\d\d_manual2\.gif)', r'test/2nd_manual/\1', 20, optional=True),
        Rule(r'(\d\d_test_mask\.gif)', r'test/mask/\1', 20),
    )
    data_set = 'DRIVEVesselDataset'
    recipe = 'setr_mla_vitb16_frozen_detail'
    layout = '`data/DRIVE/{training,test}/{images,1st_manual,mask}`'
    pictures = '40 of 565x584'
    usual_division = '20 train, 20 test'
    licence = 'research and education, no redistribution'
    address = 'https://drive.grand-challenge.org'

    def list_samples(self, root: Path, part: str) -> list[dict[str, Any]]:
        folder, suffix = root / part, self.suffix
        return pair(
            index_folder(folder / 'images', rf'(\d+)_{part}\.tiff?', f'21_{part}.tif'),
            index_folder(folder / f'{"1st" if suffix[-1] == "1" else "2nd"}_manual', rf'(\d+){suffix}\.gif', f'21{suffix}.gif'),
            index_folder(folder / 'mask', rf'(\d+)_{part}_mask\.gif', f'21_{part}_mask.gif'),
        )

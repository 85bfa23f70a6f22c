from pathlib import Path
from typing import Any

from ..layout import index_folder, pair
from .source import SOURCES, Rule, Source

_NUMBERS = (1, 2, 3, 4, 5, 44, 77, 81, 82, 139, 162, 163, 235, 236, 239, 240, 255, 291, 319, 324)


@SOURCES.register_module()
class STARE(Source):
    """STARE's 20 pictures with vessel labels, 700x605 pixels, plain or gzipped; two observers (ah, vk), no field-of-view masks.

    ``<root>/{stare-images/im0001.ppm, labels-ah/im0001.ah.ppm, labels-vk/im0001.vk.ppm}``, each perhaps with ``.gz``; or
    mmsegmentation's converted folders.  Usual division: the first ten by name train, the last ten test.
    """

    field_angle = 35.0
    observers = dict(first='.ah', second='.vk')
    ids = dict(training=[f'im{n:04d}' for n in _NUMBERS[:10]], test=[f'im{n:04d}' for n in _NUMBERS[10:]])
    rules = (
        Rule(r'(im\d{4}\.ppm(?:\.gz)?)', r'stare-images/\1', 20),
        Rule(r'(im\d{4}\.ah\.ppm(?:\.gz)?)', r'labels-ah/\1', 20),
        Rule(r'(im\d{4}\.vk\.ppm(?:\.gz)?)', r'labels-vk/\1', 20, optional=True),
    )
    data_set = 'STAREVesselDataset'
    recipe = 'setr_mla_vitb16_frozen_detail_stare'
    layout = '`data/STARE/{stare-images,labels-ah,labels-vk}`, plain or `.gz`'
    pictures = '20 of 700x605'
    usual_division = 'the first 10 by name train, 10 test'
    licence = 'research'
    address = 'https://cecas.clemson.edu/~ahoover/stare/'

    def list_samples(self, root: Path, part: str) -> list[dict[str, Any]]:
        observer = self.suffix.lstrip('.')
        samples = pair(
            index_folder(root / 'stare-images', r'(im\d+)\.p[pgn]m(?:\.gz)?', 'im0001.ppm.gz'),
            index_folder(root / f'labels-{observer}', rf'(im\d+)\.{observer}\.p[pgn]m(?:\.gz)?', f'im0001.{observer}.ppm.gz'),
        )
        numbers = [int(Path(sample['img_path']).name[2:].split('.')[0]) for sample in samples]
        if set(numbers) <= set(_NUMBERS):  # also of an incomplete copy: each picture stays on its side, the tenth is im0139
            return [sample for sample, number in zip(samples, numbers) if (number <= _NUMBERS[9]) == (part == 'training')]
        return samples[:10] if part == 'training' else samples[10:]

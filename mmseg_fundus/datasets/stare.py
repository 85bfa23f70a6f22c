from pathlib import Path

from mmseg.registry import DATASETS

from .layout import index_folder, pair
from .vessel_dataset import FundusVesselDataset

_NUMBERS = (1, 2, 3, 4, 5, 44, 77, 81, 82, 139, 162, 163, 235, 236, 239, 240, 255, 291, 319, 324)


@DATASETS.register_module()
class STAREVesselDataset(FundusVesselDataset):
    """STARE's 20 pictures with vessel labels, 700x605 pixels, plain or gzipped; two observers (ah, vk), no field-of-view masks.

    ``<data_root>/{stare-images/im0001.ppm, labels-ah/im0001.ah.ppm, labels-vk/im0001.vk.ppm}``, each perhaps with ``.gz``; or
    mmsegmentation's converted folders.  Usual division: the first ten by name train, the last ten test.
    Source: https://cecas.clemson.edu/~ahoover/stare/.  Arguments as in :class:`FundusVesselDataset`.
    """

    FIELD_ANGLE = 35.0
    OBSERVERS = dict(first='.ah', second='.vk')
    IDS = dict(training=[f'im{n:04d}' for n in _NUMBERS[:10]], test=[f'im{n:04d}' for n in _NUMBERS[10:]])

    def list_samples(self, root: Path, part: str) -> list:
        observer = self.OBSERVERS[self.observer].lstrip('.')
        samples = pair(
            index_folder(root / 'stare-images', r'(im\d+)\.p[pgn]m(?:\.gz)?', 'im0001.ppm.gz'),
            index_folder(root / f'labels-{observer}', rf'(im\d+)\.{observer}\.p[pgn]m(?:\.gz)?', f'im0001.{observer}.ppm.gz'),
        )
        numbers = [int(Path(sample['img_path']).name[2:].split('.')[0]) for sample in samples]
        if set(numbers) <= set(_NUMBERS):  # also of an incomplete copy: each picture stays on its side, the tenth is im0139
            return [sample for sample, number in zip(samples, numbers) if (number <= _NUMBERS[9]) == (part == 'training')]
        return samples[:10] if part == 'training' else samples[10:]

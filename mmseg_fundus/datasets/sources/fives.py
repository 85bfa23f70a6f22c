from pathlib import Path
from typing import Any

from ..layout import index_folder, pair
from .source import SOURCES, Rule, Source


@SOURCES.register_module()
class FIVES(Source):
    """FIVES: 600 training and 200 test pictures of 2048x2048 pixels, one observer, no field-of-view masks.

    As published, ``<root>/train/{Original,Ground truth}/1_A.png``, or in the guide's folders,
    ``<root>/{images,annotations}/train/1_A.png``; the same for ``test``.
    """

    field_angle = 50.0
    observers = dict(first='')
    rules = (
        Rule(r'train/Original/(\w+\.png)', r'train/Original/\1', 600),
        Rule(r'train/Ground truth/(\w+\.png)', r'train/Ground truth/\1', 600),
        Rule(r'test/Original/(\w+\.png)', r'test/Original/\1', 200),
        Rule(r'test/Ground truth/(\w+\.png)', r'test/Ground truth/\1', 200),
    )
    data_set = 'FIVESVesselDataset'
    recipe = 'setr_mla_vitb16_frozen_detail_fives'
    layout = "`data/FIVES/{train,test}/{Original,Ground truth}`, or the guide's `data/FIVES/{images,annotations}/{train,test}`"
    pictures = '800 of 2048x2048'
    usual_division = '600 train, 200 test'
    licence = 'as its page says'
    address = 'https://doi.org/10.6084/m9.figshare.19688169'

    def list_samples(self, root: Path, part: str) -> list[dict[str, Any]]:
        name = 'train' if part == 'training' else part
        if (root / name / 'Original').is_dir():
            pictures, labels = root / name / 'Original', root / name / 'Ground truth'
        else:
            pictures, labels = root / 'images' / name, root / 'annotations' / name
        return pair(
            index_folder(pictures, r'(.+)\.(?:png|jpe?g|tiff?|bmp)', '1_A.png'),
            index_folder(labels, r'(.+)\.(?:png|jpe?g|tiff?|bmp|gif)', '1_A.png'),
        )

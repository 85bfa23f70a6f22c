"""The best and the worst pictures of a test: photograph, what was found, missed and false, perhaps uncertainty, as data URIs."""

import base64
import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from PIL import Image

from ..classes import IGNORE
from ..datasets import FundusVessels
from ..datasets.by_name import class_by_name, config_dataset
from ..datasets.fov_cache import check_size
from ..datasets.naming import parts_of, picture_names
from ..datasets.reading import read_picture
from ..datasets.truth import picture_name, read_truth
from ..errors import DataError, FundusError
from ..evaluation.counts import confusion_counts
from ..evaluation.mask_files import match_predictions, read_prediction
from ..geometry import box_around
from ..results import DataSet, Results
from ..visualization import draw_overlay, heat_map
from .uncertainty import read_spread, spread_folder
from .values import number

BYTES = 3_500_000  # of all pictures of a page, as text
# what results.described() writes of a data set's arguments; whatever else stands there could name code to run
ARGUMENTS = {
    **{'fov': str, 'val_fraction': float, 'split_seed': int, 'split': str, 'observer': str, 'division': dict, 'label_values': str},
    **{f'{role}_{part}': str for role in ('img', 'label', 'fov') for part in ('dir', 'suffix')},
}
SIDES = (800, 640, 512, 400, 320, 240, 160)  # longer sides in pixels that are tried, the largest that fits is kept


@dataclass
class Picture:
    """A picture of the page: its row of figures, its rank (``'worst'``, ``'best'``), its images, or why there are none.

    ``uncertainty`` is '' for a test of a single network.
    """

    row: dict[str, Any]
    rank: str
    photograph: str = ''
    overlay: str = ''
    uncertainty: str = ''
    size: tuple[int, int] = (0, 0)
    note: str = ''


def choose(rows: list[dict[str, Any]], count: int) -> list[Picture]:
    """The ``count`` pictures with the lowest and those with the highest Dice, none twice.

    Args:
        rows (list[dict]): Rows of figures; those whose Dice is not defined are left out.
        count (int): Of either.

    Returns:
        list[Picture]: The worst, from the worst on, then the best, from the best on.
    """
    ranked = sorted((row for row in rows if number(row.get('Dice')) is not None), key=lambda row: row['Dice'])
    worst = ranked[: min(count, len(ranked) // 2)]
    best = ranked[len(worst) :][::-1][:count]
    return [Picture(row, 'worst') for row in worst] + [Picture(row, 'best') for row in best]


def load_pictures(
    pictures: list[Picture], results: Results, masks: Path, data_root: str | Path | None = None, config: str | Path | None = None
) -> None:
    """Read pictures, their labels and predictions; one that cannot be read says why in its ``note``.

    Args:
        pictures (list[Picture]): Of :func:`choose`; the images are put into them.
        results (Results): Of ``results.json``.
        masks (Path): Of :func:`mask_folder`.
        data_root (str, optional): Folder of the data set, instead of the one in ``results``.
        config (str | Path, optional): A config file of the user's, whose test data set it was; it is run.

    Raises:
        ConfigError: If the config is none.
        DataError: If the data set is not there.
    """
    datasets = [config_dataset(config, data_root, verify=False)] if config else _datasets(results.data, data_root)
    places = [(one, i) for dataset in datasets for one in parts_of(dataset) for i in range(len(one))]
    infos = [dataset.get_data_info(i) for dataset, i in places]
    tested = results.phase == 'test' or results.data.class_name == FundusVessels.__name__  # which names them so
    samples: dict[str, tuple[BaseDataset, int]] = dict(zip(picture_names(infos) if tested else map(picture_name, infos), places))
    files = None if tested else dict(zip(samples, match_predictions(masks, list(samples))))
    spreads = spread_folder(results, masks)
    limit = BYTES * 3 // 4 // ((3 if spreads else 2) * len(pictures))
    for picture in pictures:
        name = picture.row['picture']
        try:
            if name not in samples:
                raise DataError(f'{name} is not among the pictures in {", ".join(str(dataset.data_root) for dataset in datasets)}')
            file = files[name] if files else masks / f'{name}.png'
            spread = spreads / f'{name}.png' if spreads else None
            _paint(picture, *samples[name], file, spread, results.prediction.threshold, limit)
        except (FundusError, OSError) as error:
            picture.note = f'{picture.note} {error}.'.lstrip()


def mask_folder(results: Results, folder: Path) -> Path:
    """Where the predictions are of the results that lie in ``folder``; raises :class:`DataError` if nowhere."""
    named = results.masks if results.phase == 'test' else results.prediction.folder
    if named is None:
        raise DataError('No predicted masks are known of these results')
    if not (folder / named).is_dir():
        raise DataError(f'The folder of the predicted masks, {folder / named}, is not there')
    return folder / named


def _datasets(data: DataSet, data_root: str | Path | None) -> list[BaseDataset]:
    """The data set of the results, or those that it joins."""
    if len(data.parts) > 1 and data_root:
        raise DataError('The results are of several data sets, of which one folder cannot hold all')
    return [_dataset(one, data_root) for one in data.parts or [data]]


def _dataset(data: DataSet, data_root: str | Path | None) -> FundusVessels:
    kind = class_by_name(str(data.class_name))
    if kind is None:
        raise DataError(
            f'{data.class_name} is no data set of this package; --config FILE, the config of the test, says where it comes from'
        )
    root = data_root or data.root
    if not root:
        raise DataError('The results do not say where their pictures lie')
    found = data.plain()  # with what is of another kind than belongs there
    given: dict[str, Any] = {**{key: found[key] for key in ('split', 'division', 'observer') if key in found}, **data.arguments}
    settings = {key: _checked(key, given[key]) for key in ARGUMENTS if given.get(key) is not None}
    make: Callable[..., FundusVessels] = kind  # of a folder, each
    return make(root, verify=False, **settings)


def _checked(key: str, value: Any) -> Any:
    """An argument of the data set, if it is of the kind that belongs there."""
    plain = value.values() if type(value) is dict else [value]
    value = float(value) if ARGUMENTS[key] is float and type(value) is int else value
    fits = type(value) is ARGUMENTS[key] and all(type(item) in (str, int, float) for item in plain)
    if fits and key.endswith('_dir'):
        fits = not set('{}') & set(value.replace('{part}', ''))  # it is formatted
    if not fits:
        raise DataError(f'The results give their data set {key}={str(value)[:100]!r}, which is no setting of it')
    return value


def _paint(
    picture: Picture, dataset: BaseDataset, index: int, file: Path, spread: Path | None, threshold: float | None, limit: int
) -> None:
    """Read one picture, its label, prediction and, from ``spread``, uncertainty, and put the images into ``picture``."""
    sample, truth = dataset.get_data_info(index), read_truth(dataset, index)
    photograph = read_picture(sample['img_path'])
    label = np.where(truth.fov > 0, truth.label, np.uint8(IGNORE))
    probability, is_map = read_prediction(file)
    check_size(probability, photograph, f'the prediction {file}', sample)
    mask = probability > (threshold if is_map and threshold is not None else 0.5)
    counts = [picture.row.get(count) for count in ('TP', 'FP', 'FN', 'TN')]
    if confusion_counts(mask, label).tolist() != counts:
        picture.note = 'The figures were not made from this mask and these files: one of them was changed after the test.'
    seen = box_around(truth.fov)
    picture.photograph, picture.size = _encode(photograph[seen], limit)
    picture.overlay, _ = _encode(draw_overlay(photograph, mask, label)[seen], limit)
    if spread:
        differ = read_spread(spread)
        check_size(differ, photograph, f'the uncertainty {spread}', sample)
        picture.uncertainty, _ = _encode(heat_map(differ)[seen], limit)


def _encode(pixels: np.ndarray, limit: int) -> tuple[str, tuple[int, int]]:
    """A JPEG of ``(H, W, 3)`` of at most ``limit`` bytes (of the smallest side, if none fits) as a data URI; and its width and height."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    for side in SIDES:
        small = image.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3)
        data = _jpeg(small)
        if len(data) <= limit:
            break
    return f'data:image/jpeg;base64,{base64.b64encode(data).decode()}', small.size


def _jpeg(image: Image.Image) -> bytes:
    for optimize in (True, False):  # Pillow has room for a byte a pixel when it optimises, and fails at what takes more: noise
        file = io.BytesIO()
        with contextlib.suppress(OSError):
            image.save(file, 'JPEG', quality=85, subsampling=0, optimize=optimize)
            return file.getvalue()
    raise DataError('a picture of the page could not be written as JPEG')

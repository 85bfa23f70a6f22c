"""Scoring anybody's predictions from files: masks, or probability maps, at native resolution."""

from pathlib import Path

import numpy as np

from ..datasets.fov_cache import check_size, field_of_view
from ..datasets.reading import is_picture, read_grey, read_mask, read_picture
from ..errors import DataError
from .report import make_report
from .score_histogram import ScoreHistogram
from .scores import score_picture, summarise

_ARRAYS = ('.npy', '.npz')


def read_prediction(path: Path) -> tuple:
    """Read a mask or probability map.

    Pictures of 8 or 16 bit (0 to 255 or 65535; a file that holds only 0 and 1 is a mask), float TIFF, ``.npy`` and ``.npz`` (one
    array; numbers between 0 and 1, or a mask).

    Returns:
        tuple[np.ndarray, bool]: ``(H, W)`` float32 of 0 to 1, and whether it holds more than two values.

    Raises:
        DataError: If it cannot be read or holds something else.
    """
    if path.suffix.lower() in _ARRAYS:
        values = np.squeeze(_read_array(path))
        scale = 255.0 if values.dtype == np.uint8 and values.max(initial=0) > 1 else 1.0
    else:
        values, scale = read_grey(path)
    if values.ndim != 2 or values.dtype.kind not in 'buif':
        raise DataError(f'{path}: found an array {values.dtype} {values.shape}, expected one probability or class per pixel, (H, W)')
    several = len(np.unique(values)) > 2
    if not several and values.max(initial=0) <= 1:
        scale = 1.0
    values = values.astype(np.float32) / np.float32(scale)
    if not (values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
        raise DataError(f'{path}: values from {values.min():g} to {values.max():g}, expected probabilities from 0 to 1')
    return values, several


def _read_array(path: Path) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        if len(loaded.files) == 1:
            return loaded[loaded.files[0]]
        names = ', '.join(loaded.files)
    except Exception as error:
        raise DataError(f'{path} cannot be read as a numpy file ({error})') from error
    raise DataError(f'{path} holds {len(loaded.files)} arrays ({names}), one was expected')


def match_predictions(folder, pictures: list) -> list:
    """Prediction file of each picture: of the same name, or one that begins with it or with its number.

    ``01_test.tif`` is matched by ``01_test.png``, ``01_test_prob.png``, ``01_manual2.gif`` or ``01.png``.

    Args:
        folder (str | Path): Of predictions.
        pictures (list[str]): Paths.

    Raises:
        DataError: Naming the picture without, or with several predictions.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f'{folder}: folder of predictions not found')
    files = {}
    for path in sorted(folder.iterdir()):
        if is_picture(path) or path.suffix.lower() in _ARRAYS:
            files.setdefault(_stem(path), []).append(path)
    stems = [_stem(Path(picture)) for picture in pictures]
    matched = []
    for picture, stem in zip(pictures, stems):
        found = files.get(stem) or [p for name, ps in files.items() if _begins(name, stem) for p in ps]
        id = stem.split('_')[0]
        if not found and id != stem and sum(other.split('_')[0] == id for other in stems) == 1:
            found = [p for name, ps in files.items() if name == id or _begins(name, id) for p in ps]
        if len(found) != 1:
            names = ', '.join(p.name for p in found[:3])
            raise DataError(
                f'{folder} has {len(found)} predictions ({names}) for {picture}; keep one'
                if found
                else f'{folder} has no prediction for {picture} (looked for {stem}.png, .tif, .gif, .npy, .npz ...)'
            )
        matched.append(found[0])
    return matched


def _stem(path: Path) -> str:
    name = path.name.removesuffix('.gz')
    return name[: name.rindex('.')]


def _begins(name: str, start: str) -> bool:
    return name.startswith(start) and not name[len(start) : len(start) + 1].isalnum()


def score_files(dataset, predictions: list, threshold: float = 0.5) -> dict:
    """Score prediction files against a data set's labels, inside the field of view and over the whole frame.

    Args:
        dataset (FundusVesselDataset): Its labels and fields of view.
        predictions (list[Path]): One for each of its pictures.
        threshold (float): A pixel is vessel above it.

    Returns:
        dict: See :func:`.report.make_report`.  Without areas under curves if all files are masks.
    """
    inside, whole, names, sums, any_map = [], [], [], (ScoreHistogram(), ScoreHistogram()), False
    for i, path in enumerate(predictions):
        info = dataset.get_data_info(i)
        picture = read_picture(info['img_path'])
        label = check_size(read_mask(info['seg_map_path']), picture, info['seg_map_path'], info)
        probability, several = read_prediction(Path(path))
        check_size(probability, picture, f'the prediction {path}', info)
        any_map |= several
        fov = field_of_view(info, picture) > 0
        names.append(Path(info['img_path']).name)
        for records, valid, total in ((inside, fov, sums[0]), (whole, np.ones_like(fov), sums[1])):
            record, histogram = score_picture(probability > threshold, probability, label, valid)
            records.append(record)
            total += histogram
    if not any_map:
        for record in (*inside, *whole):
            for name in ('AUC-ROC', 'AUC-PR'):
                record['figures'].pop(name)
    inside, whole = ((records, summarise(records, total if any_map else None)) for records, total in ((inside, sums[0]), (whole, sums[1])))
    return make_report(names, inside, whole)


def score_second_observer(dataset_of, threshold: float = 0.5) -> dict | None:
    """Score the second observer's labels as a prediction.

    Args:
        dataset_of (callable): Observer to data set.

    Returns:
        dict, optional: As :func:`score_files`; ``None`` if there is no second observer, or not of these pictures.
    """
    first = dataset_of('first')
    if 'second' not in first.OBSERVERS:
        return None
    try:
        second = dataset_of('second')
    except DataError:
        return None
    return score_files(first, [second.get_data_info(i)['seg_map_path'] for i in range(len(second))], threshold)

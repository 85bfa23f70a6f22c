"""Scoring anybody's predictions from files: masks, or probability maps, at native resolution."""

import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from mmengine.dataset import BaseDataset

from ..classes import IGNORE
from ..datasets.fov_cache import check_size
from ..datasets.label_file import read_mask
from ..datasets.photograph import MOST_PIXELS
from ..datasets.reading import read_grey, stem_of
from ..datasets.truth import picture_name, read_truth
from ..datasets.verify import check_alike
from ..errors import DataError
from ..fileio.pictures import is_picture
from ..fileio.reading import MOST_BYTES, read_bytes
from ..named_files import find_predictions
from .report import make_report
from .score_histogram import ScoreHistogram
from .scores import check_defined, score_picture, summarise

_ARRAYS = ('.npy', '.npz')
Reader = Callable[[Path], tuple[np.ndarray, bool]]  # as read_prediction


def read_prediction(path: Path) -> tuple[np.ndarray, bool]:
    """Read a mask or probability map.

    A mask has two values: 0 and 1, 255 or 65535 (in a picture also nearly so, as labels).  A map has more: 0 to 255 in 8 bit, 0 to
    65535 in 16, 0 to 1 in floating point (TIFF, ``.npy``, ``.npz`` of one array).  0, 1 and 255 are neither.

    Returns:
        tuple[np.ndarray, bool]: ``(H, W)`` float32 of 0 to 1, and whether it is a map.

    Raises:
        DataError: If it cannot be read, or its values are not those.
    """
    picture = path.suffix.lower() not in _ARRAYS
    values = read_grey(path, strict=True)[0] if picture else np.squeeze(_read_array(path))
    if picture and values.dtype.kind in 'bui' and len(np.unique(values)) <= 2:
        return read_mask(path).astype(np.float32), False
    if values.ndim != 2 or values.dtype.kind not in 'buif':
        raise DataError(f'{path}: found an array {values.dtype} {values.shape}, expected one probability or class per pixel, (H, W)')
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    if high == 255 and set(np.unique(values).tolist()) == {0, 1, 255}:
        raise DataError(f'{path} holds 0, 1 and 255: a prediction says vessel or not in each pixel; write 0 and 1, or 0 and 255')
    is_map = len(np.unique(values)) > 2
    if values.dtype.kind in 'bui' and (not is_map or high <= 1):
        scale = {0: 1, 1: 1, 255: 255, 65535: 65535}.get(int(high)) if not values.size or low == 0 or low == high else None
        expected = '0 and 1, 0 and 255, or 0 and 65535 in a mask'
    elif values.dtype.kind in 'bui':
        # values up to 255 in 16 bit could be either; the files's own depth decides, and that alone
        scale = 255 if values.dtype.itemsize == 1 else 65535 if 255 < high <= 65535 else None
        expected = '0 to 255 in an 8-bit, 0 to 65535 in a 16-bit probability map'
    else:
        scale = 1 if low >= 0 and high <= 1 else None
        expected = 'probabilities from 0 to 1'
    if scale is None:
        raise DataError(f'{path}: values from {low:g} to {high:g} ({values.dtype}), expected {expected}')
    return values.astype(np.float32) / np.float32(scale), is_map


def _read_array(path: Path) -> np.ndarray:
    data = read_bytes(path)
    try:
        if data.startswith(np.lib.format.MAGIC_PREFIX):
            return _parse(path, io.BytesIO(data))
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = file.infolist()
            if len(members) != 1:
                names = ', '.join(Path(member.filename).stem for member in members[:5])
                raise DataError(f'{path} holds {len(members)} arrays ({names}{", ..." if members[5:] else ""}), one was expected')
            if members[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # of others a block may be of any size
                raise DataError(f'{path} is packed as numpy does not; save it with numpy.savez_compressed')
            with file.open(members[0]) as member:
                return _parse(path, member)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f'{path} cannot be read as a numpy file ({" ".join(str(error).split())[:200]})') from error


def _parse(path: Path, file: IO[bytes]) -> np.ndarray:
    """The array in a ``.npy`` file, once its header says that it is not too large."""
    form = np.lib.format
    readers = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
    start = file.tell()
    shape, _, dtype = readers[form.read_magic(file)](file)
    if dtype.hasobject:
        raise ValueError('it holds Python objects')
    pixels = math.prod(shape)
    if min(shape, default=0) < 0 or pixels > MOST_PIXELS or pixels * dtype.itemsize > MOST_BYTES:
        raise DataError(f'{path} claims an array {dtype} {shape}; at most {MOST_PIXELS / 1e6:.0f} megapixels in 1 GiB are read')
    file.seek(start)
    return form.read_array(file, allow_pickle=False)


def match_predictions(folder: str | Path, names: list[str]) -> list[Path]:
    """Prediction file of each picture: of the same name, or of one that goes on behind it, or behind its number, with a separator.

    ``01_test`` is matched by ``01_test.png``, ``01_test_prob.png``, ``01_manual2.gif`` or ``01.png``.

    Args:
        folder (str | Path): Of predictions.
        names (list[str]): Of pictures, without suffix.

    Raises:
        DataError: Naming the picture without, or with several predictions, or the prediction of two.
    """
    folder = find_predictions(folder)
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if is_picture(path) or path.suffix.lower() in _ARRAYS:
            files.setdefault(stem_of(path), []).append(path)
    numbers = [name.split('_')[0] for name in names]
    matched: dict[str, Path] = {}
    for name, number in zip(names, numbers):
        found = files.get(name) or _beginning(files, name, [other for other in names if other != name])
        if not found and number != name and numbers.count(number) == 1:
            found = files.get(number) or _beginning(files, number, [*names, f'{number}_training', f'{number}_test'])
        if len(found) != 1:
            some = ', '.join(path.name for path in found[:3])
            raise DataError(
                f'{folder} has {len(found)} predictions ({some}) for {name}; keep one'
                if found
                else f'{folder} has no prediction for {name} (looked for {name}.png, .tif, .gif, .npy, .npz ...)'
            )
        if found[0] in matched.values():
            raise DataError(f'{found[0]} could be the prediction of two pictures, {name} is one; name the files like the pictures')
        matched[name] = found[0]
    return list(matched.values())


def _beginning(files: dict[str, list[Path]], start: str, others: list[str]) -> list[Path]:
    """Files that begin with ``start`` and a separator, but not with the longer name of another picture."""
    longer = [other for other in others if len(other) > len(start)]
    return [
        path
        for stem, paths in files.items()
        if _begins(stem, start) and not any(stem == other or _begins(stem, other) for other in longer)
        for path in paths
    ]


def _begins(name: str, start: str) -> bool:
    return name.startswith(start) and not name[len(start) : len(start) + 1].isalnum()


def score_files(dataset: BaseDataset, predictions: list[Path], threshold: float = 0.5, read: Reader = read_prediction) -> dict[str, Any]:
    """Score prediction files against a data set's labels, inside the field of view and over the whole frame.

    Args:
        dataset (BaseSegDataset): Its labels and, if it is a vessel data set, fields of view.
        predictions (list[Path]): One for each of its pictures.
        threshold (float): A pixel is vessel above it.
        read (callable): As :func:`read_prediction`; what is not a number in what it reads counts nowhere.

    Returns:
        dict: See :func:`.report.make_report`.  Without curves and areas under them if all files are masks.

    Raises:
        DataError: If a file cannot be read or is of another size, or no label has a vessel.
    """
    records: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    names, kinds, sums, any_map = [], [], (ScoreHistogram(), ScoreHistogram()), False
    for i, path in enumerate(predictions):
        info, (label, fov, kind) = dataset.get_data_info(i), read_truth(dataset, i)
        probability, is_map = read(Path(path))
        check_size(probability, label, f'the prediction {path}', info)
        any_map |= is_map
        names.append(picture_name(info))
        kinds.append((info.get('seg_map_path'), kind))
        counted = (label != IGNORE) & np.isfinite(probability)
        for found, valid, total in ((records[0], counted & (fov > 0), sums[0]), (records[1], counted, sums[1])):
            record, histogram = score_picture(probability > threshold, probability, label, valid, detail=found is records[0])
            found.append(record)
            if histogram is not None:
                total += histogram
    check_alike(kinds)
    if not any_map:
        for record in (*records[0], *records[1]):
            for name in ('AUC-ROC', 'AUC-PR'):
                record['figures'].pop(name)
            record.pop('expected_dice', None)
    inside, whole = ((found, summarise(found, total if any_map else None)) for found, total in zip(records, sums))
    first = dataset.get_data_info(0)
    check_defined(inside[1]['pooled'], len(names), (first['img_path'], first['seg_map_path']))
    return make_report(names, inside, whole, sums[0] if any_map else None)

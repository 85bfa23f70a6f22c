"""Finding a data set's files and pairing them by picture id."""

import re
from pathlib import Path
from typing import Any

from ..errors import DataError, NothingThereError
from ..fileio.pictures import is_picture

UNLABELLED = 'Pictures without labels are predicted with tools/predict.py FOLDER, which needs none'


def find_root(data_root: str | Path) -> Path:
    """Absolute path of an existing data set folder.

    Raises:
        DataError: Saying where it was looked for.
    """
    root = Path(data_root).expanduser()
    full = root if root.is_absolute() else Path.cwd() / root
    if not full.is_dir():
        note = '' if root.is_absolute() else f' ({str(data_root)!r} seen from the current folder {Path.cwd()})'
        raise DataError(
            f'data set folder not found: looked for {full}{note}. Unpack the data set there, or name its folder with '
            '--data-root DIR, or train_dataloader.dataset.data_root (also val_, test_) in the config'
        )
    return full.resolve()


def index_folder(folder: Path, pattern: str, example: str, others: str = '') -> dict[str, Path]:
    """Map picture ids to files: ``{match of pattern's group 1: path}``, sorted by id.

    Args:
        folder (Path): Searched without its subfolders.  Files that do not end like pictures are passed over.
        pattern (str): Regular expression for the whole file name, upper or lower case, with one group, the id.
        example (str): A file name as it should be, for messages.
        others (str): Regular expression of names that belong to something else in the same folder; what does not match ``pattern``
            is passed over if it matches this.

    Raises:
        NothingThereError: If the folder is missing or holds no such picture.
        DataError: If it holds a picture of another name.
    """
    if not folder.is_dir():
        raise NothingThereError(f'folder not found: {folder} (expected there: files such as {example})')
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if not is_picture(path):
            continue
        match = re.fullmatch(pattern, path.name, flags=re.IGNORECASE)
        if not match and others and re.fullmatch(others, path.name, flags=re.IGNORECASE):
            continue
        if not match:
            raise DataError(f'{path}: unexpected file name, expected names such as {example}; move the file away or rename it')
        if match.group(1) in found:
            raise DataError(f'{path} and {found[match.group(1)].name} have the same id {match.group(1)!r}; keep one of them')
        found[match.group(1)] = path
    if not found:
        raise NothingThereError(f'no pictures in {folder} (expected: files such as {example})')
    return dict(sorted(found.items()))


def pair(pictures: dict[str, Path], labels: dict[str, Path], fovs: dict[str, Path] | None = None) -> list[dict[str, Any]]:
    """Join pictures, labels and field-of-view masks by id.

    Args:
        pictures (dict): ``{id: path}``.
        labels (dict): ``{id: path}``.
        fovs (dict, optional): ``{id: path}``, or ``None`` for a set without masks.

    Returns:
        list[dict]: ``img_path``, ``seg_map_path`` and, with masks, ``fov_path`` as strings, in order of id.

    Raises:
        DataError: Naming the first file without counterpart.
    """
    for kind, others in (('label', labels), ('field-of-view mask', fovs)):
        if others is None:
            continue
        alone = [id for id in pictures if id not in others]
        if alone:
            raise DataError(
                f'{pictures[alone[0]]} has no {kind} in {next(iter(others.values())).parent} '
                f'({len(alone)} of {len(pictures)} pictures without)' + (f'. {UNLABELLED}' if kind == 'label' else '')
            )
        extra = [id for id in others if id not in pictures]
        if extra:
            raise DataError(
                f'the {kind} {others[extra[0]]} has no picture in {next(iter(pictures.values())).parent} '
                f'({len(extra)} of {len(others)} without)'
            )
    samples = []
    for id, picture in pictures.items():
        sample = dict(img_path=str(picture), seg_map_path=str(labels[id]))
        if fovs is not None:
            sample['fov_path'] = str(fovs[id])
        samples.append(sample)
    return samples


def converted(root: Path) -> bool:
    """Whether a folder holds a data set as mmsegmentation's converters write it."""
    return all((root / kind / 'training').is_dir() for kind in ('images', 'annotations'))


def list_converted(root: Path, part: str, label_suffix: str) -> list[dict[str, Any]]:
    """Samples of a data set as mmsegmentation's converters write it: ``images|annotations/training|validation/*.png``, no masks.

    Args:
        root (Path): The data set's folder.
        part (str): ``'training'`` or ``'test'`` (which the converters call validation).
        label_suffix (str): What a label's name has behind its picture's, e.g. ``'_manual1'``; other labels are passed over.
    """
    folder = 'training' if part == 'training' else 'validation'
    id = r'(.+?)(?:_training|_test)?'
    labels = index_folder(
        root / 'annotations' / folder,
        rf'{id}{re.escape(label_suffix)}\.png',
        f'<id>{label_suffix}.png',
        others=r'.+(_manual\d|\.ah|\.vk|_1stHO|_2ndHO)\.png',
    )
    return pair(index_folder(root / 'images' / folder, rf'{id}\.png', '<id>.png'), labels)


def missing(samples: list[dict[str, Any]], expected: list[str]) -> str:
    """Which pictures of a public set, whose names begin with the ids ``expected``, are not among ``samples``, in words; '' if none."""
    names = [Path(sample['img_path']).name for sample in samples]
    gone = [id for id in expected if not any(re.match(rf'{id}(?!\d)', name, flags=re.IGNORECASE) for name in names)]
    if not gone:
        return ''
    return f"; of the data set's {len(expected)} {len(gone)} are missing: {', '.join(gone[:5])}{', ...' if gone[5:] else ''}"

"""One name for each of many pictures: unique on any file system, the same in every process, and a file's name on its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..fileio.pictures import distinct_names
from .reading import stem_of

if TYPE_CHECKING:
    from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
    from mmseg.structures import SegDataSample


def picture_names(infos: list[dict[str, Any]]) -> list[str]:
    """A name for each picture of a data set, or of several that are joined: its own where no other has it.

    Equally named pictures get those folders in front that tell them apart (``DRIVE_01_test``, ``STARE_01_test``), else a number.

    Args:
        infos (list[dict]): As ``get_data_info`` of a data set gives them, in its order: ``img_path``, perhaps ``name``.

    Returns:
        list[str]: Without path separators.
    """
    paths = [Path(os.path.abspath(info.get('img_path') or 'picture')) for info in infos]
    bases = [_plain(info.get('name') or stem_of(path)) for info, path in zip(infos, paths)]
    alike: dict[str, list[int]] = {}
    for i, base in enumerate(bases):
        alike.setdefault(base.casefold(), []).append(i)
    for members in alike.values():
        if len(members) > 1:
            for i, folders in zip(members, _telling_apart([paths[i].parts[:-1] for i in members])):
                bases[i] = _plain('_'.join([*folders, bases[i]]))
    return _distinct(bases, paths)


def unique_names(paths: Sequence[str], root: Path) -> list[str]:
    """A name for each picture of one data set, no two the same, also where upper and lower case are one.

    It is the file's name without suffix; where that repeats (FIVES: ``1_A`` in train and test), with the folders before it: from
    ``root`` on, or, for a file elsewhere, from where the repeated ones part.  Where that repeats too, the suffix or a number follows.

    Args:
        paths (Sequence[str]): Of pictures.
        root (Path): The data set's folder.

    Returns:
        list[str]: In the order of ``paths``.
    """
    files, bases = [Path(os.path.normpath(path)) for path in paths], []
    same: dict[str, list[Path]] = {}
    for file in files:
        same.setdefault(stem_of(file).casefold(), []).append(file)
    for file in files:
        group = same[stem_of(file).casefold()]
        inside = all(other.is_relative_to(root) for other in group)
        begin = root if inside else os.path.commonpath([other.parent for other in group])
        bases.append('_'.join([*(file.relative_to(begin).parts[:-1] if len(group) > 1 else ()), stem_of(file)]))
    return _distinct(bases, files)


def _distinct(bases: list[str], paths: list[Path]) -> list[str]:
    """``bases``, the files' suffixes or a number added where two are the same."""
    suffixes = [''.join(path.suffixes[-2:] if path.suffix == '.gz' else path.suffixes[-1:]) or '.picture' for path in paths]
    named = distinct_names({i: Path(base + suffix) for i, (base, suffix) in enumerate(zip(bases, suffixes))})
    return [str(named[i]) for i in range(len(bases))]


def _plain(name: str) -> str:
    """A name that is a file's, in one folder."""
    return str(name).replace('/', '_').replace('\\', '_').replace('\0', '_')


def _telling_apart(folders: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """What is left of paths without the beginning and the end that all share."""
    shortest = min(map(len, folders))
    begin = next((i for i in range(shortest) if len({parts[i] for parts in folders}) > 1), shortest)
    end = next((i for i in range(shortest - begin) if len({parts[-1 - i] for parts in folders}) > 1), shortest - begin)
    return [parts[begin : len(parts) - end] for parts in folders]


def sample_names(samples: Sequence[dict[str, Any] | SegDataSample], data_batch: dict[str, Any] | None = None) -> list[str]:
    """The names of predicted samples: their own, else those of the batch they were predicted from, else their files'.

    Args:
        samples (Sequence[dict | SegDataSample]): What the model put out.
        data_batch (dict, optional): What it was given; mmseg's test-time augmentation, whose samples are lists, loses the names.
    """
    given = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], (list, tuple)):
        given = given[0]
    if not isinstance(given, (list, tuple)) or len(given) != len(samples):
        given = [{}] * len(samples)
    return [
        _plain(sample.get('name') or before.get('name') or stem_of(sample.get('img_path') or 'picture'))
        for sample, before in zip(samples, given)
    ]


def parts_of(dataset: BaseDataset | ConcatDataset | RepeatDataset) -> list[BaseDataset]:
    """The data sets that a data set is made of (mmengine's ``ConcatDataset``, ``RepeatDataset``), or itself."""
    inner = getattr(dataset, 'datasets', None) or ([dataset.dataset] if hasattr(dataset, 'dataset') else [])
    return [part for one in inner for part in parts_of(one)] or [dataset]

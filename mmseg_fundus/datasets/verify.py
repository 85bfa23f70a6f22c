"""Decoding every file of a data set once, before anything depends on it."""

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log

from ..classes import IGNORE
from ..errors import DataError
from .exchanged import check_fov, check_label, vessel_share
from .fov_cache import check_size, field_of_view
from .label_file import read_label_and_kind, read_mask
from .reading import read_picture


class Checked(NamedTuple):
    """What a label holds: its share of vessel, and how it is stored; ``None`` without one."""

    share: float | None = None
    kind: str | None = None


def verify_sample(sample: dict[str, Any]) -> Checked:
    """Decode one sample's files and compare them: sizes, black and white exchanged."""
    picture = read_picture(sample['img_path'])
    fov = None
    if 'fov_path' in sample:
        fov = check_size(read_mask(sample['fov_path']), picture, sample['fov_path'], sample)
        check_fov(fov, picture, sample['fov_path'])
    path = sample.get('seg_map_path')
    if path is None:
        return Checked()
    values = sample.get('label_values', 'auto')
    label, kind = read_label_and_kind(path, values)
    check_size(label, picture, path, sample)
    if label.size and (label == IGNORE).all():
        raise DataError(f'{path}: all of it is ignored (255), nothing in it counts; leave the picture out')
    share = vessel_share(label, label >= 0 if fov is None else fov)
    if share > 0.25:  # perhaps exchanged, and the surroundings black as they were
        share = check_label(label, picture, field_of_view(sample, picture) if fov is None else fov, path)
    return Checked(share, kind if values == 'auto' else None)


def verify_samples(samples: list[dict[str, Any]], name: str, note: str = '') -> None:
    """Check all samples, several at a time, and log one line (``note`` at its end).

    Raises:
        DataError: Naming the file that is unreadable, of another size or exchanged, or two labels that are stored differently; or if no
            label of all has a vessel.
    """
    start = time.perf_counter()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        checked = list(pool.map(verify_sample, samples))
    labels = [(sample['seg_map_path'], found.share, found.kind) for sample, found in zip(samples, checked) if found.share is not None]
    check_alike([(path, kind) for path, _, kind in labels])
    odd = [(path, share) for path, share, _ in labels if not 0 < share < 0.5]
    if labels and all(share == 0 for _, share, _ in labels):
        raise DataError(
            f'{name}: no label of its {len(labels)} pictures has a vessel; the first is {labels[0][0]}. Look whether that is the right '
            'folder, and has vessels that are white (or 1)'
        )
    if odd:
        path, share = odd[0]
        print_log(
            f'{len(odd)} of {len(samples)} labels are {"without any vessel" if not share else "mostly vessel"}, the first {path} '
            f'({share:.0%} vessel); are black and white exchanged?',
            logger='current',
            level=logging.WARNING,
        )
    height, width = read_picture(samples[0]['img_path']).shape[:2]
    print_log(
        f'{name}: {len(samples)} pictures ({width}x{height} pixels the first) checked in {time.perf_counter() - start:.1f} s{note}',
        logger='current',
    )


def check_alike(kinds: list[tuple[str | Path | None, str | None]]) -> None:
    """Refuse labels of which some hold 0 and 255 and others 0, 1 and 255: the file alone cannot tell whether that 255 is vessel.

    Where the others hold 0 and 1 alone, nothing says that 255 could be "ignored": then it is vessel, and a warning says so.

    Args:
        kinds (list[tuple]): File and kind of each label, of :func:`.read_label_and_kind`.

    Raises:
        DataError: Naming one of each.
    """
    first: dict[str | None, str | Path | None] = {}
    for path, kind in kinds:
        first.setdefault(kind, path)
    if {'white', 'ignoring'} <= set(first):
        raise DataError(
            f'{first["ignoring"]} holds 0, 1 and 255, {first["white"]} 0 and 255: is 255 vessel or ignored? Set '
            "label_values='indices' (in all of them 1 is vessel, 255 ignored) or label_values='white' (255 is vessel), or save all alike"
        )
    if {'white', 'indices'} <= set(first):
        print_log(
            f'{first["indices"]} holds 0 and 1, {first["white"]} 0 and 255: 1 is read as vessel there, 255 here; if 255 means ignored, set '
            "label_values='indices'",
            logger='current',
            level=logging.WARNING,
        )

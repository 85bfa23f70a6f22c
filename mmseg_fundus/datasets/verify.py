"""Decoding every file of a data set once, before anything depends on it."""

import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor

from mmengine.logging import print_log

from ..errors import DataError
from .fov_cache import check_size
from .reading import read_mask, read_picture


def verify_sample(sample: dict) -> float | None:
    """Decode one sample's files and compare their sizes; returns the label's share of vessel (``None`` without one)."""
    share = None
    picture = read_picture(sample['img_path'])
    for key in ('seg_map_path', 'fov_path'):
        if key in sample:
            mask = check_size(read_mask(sample[key]), picture, sample[key], sample)
            if key == 'seg_map_path':
                share = float(mask.mean())
            if key == 'fov_path' and not mask.any():
                raise DataError(f'{sample[key]} is empty: no pixel lies in the field of view')
    return share


def verify_samples(samples: list, name: str, note: str = '') -> None:
    """Check all samples, several at a time, and log one line (``note`` at its end).

    Raises:
        DataError: Naming the file that is damaged or of another size; or if no label of all has a vessel.
    """
    start = time.perf_counter()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        shares = list(pool.map(verify_sample, samples))
    odd = [(sample['seg_map_path'], share) for sample, share in zip(samples, shares) if share is not None and not 0 < share < 0.5]
    if shares and all(share == 0 for share in shares):
        raise DataError(
            f'{name}: no label of its {len(shares)} pictures has a vessel; the first is {samples[0]["seg_map_path"]}. Look whether that is '
            'the right folder, and has vessels that are white (or 1)'
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

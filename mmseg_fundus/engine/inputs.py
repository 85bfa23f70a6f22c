"""A quick look at the weights and the data sets that a config names, before anything is built or logged."""

import copy
import hashlib
import logging
import os
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS

from ..components import component, is_a, takes
from ..datasets import FundusVessels
from ..datasets.naming import parts_of
from ..fileio.checksum import file_sha256
from ..models.backbones import FoundationEncoder
from ..models.encoders.frozen import FrozenEncoder
from .data_roots import leaves, leaves_of, tell
from .encoder_config import encoder_config

PROBE = 2**16  # bytes out of a picture file's middle, which tell most pictures apart


def check_inputs(cfg: Config, splits: Sequence[str]) -> None:
    """Raise in the first second what would otherwise be found behind pages of log.

    Weights: that the file is there, can be read and fits by name and shape (its checksum and values are looked at when the model is
    built).  Data sets: folders, names and pairs (the files are decoded when the data set is built for good).  Pictures that a
    concatenation reads twice are said.

    Args:
        cfg (Config): The config.
        splits (Sequence[str]): Of ``'train'``, ``'val'``, ``'test'``.

    Raises:
        FundusError: See :mod:`mmseg_fundus.errors`.
    """
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    encoder = encoder_config(cfg)
    kind = component(encoder.get('type'), MODELS) if encoder is not None else None
    if encoder is not None and (kind is FoundationEncoder or isinstance(kind, type) and issubclass(kind, FrozenEncoder)):
        kind.check_file(**{k: v for k, v in encoder.items() if k != 'type'})
    for split in splits:
        found = leaves(cfg, [split]).values()
        if found and all(is_a(leaf, BaseDataset, DATASETS) for leaf in found):
            tell_repeated(build_unverified(cfg[f'{split}_dataloader'].dataset), f'{split}_dataloader')


def build_unverified(dataset: dict[str, Any]) -> BaseDataset:
    """Build a data set from its config without decoding its files, where it would."""
    dataset = copy.deepcopy(dataset)
    for leaf in leaves_of(dataset).values():
        if takes(leaf, 'verify', DATASETS):
            leaf['verify'] = False
    return DATASETS.build(dataset)


def tell_repeated(dataset: BaseDataset, where: str) -> str:
    """Log a warning, which is returned, if parts of a concatenation hold the same picture, by path or contents; '' if none does."""
    found = [part for part in parts_of(dataset) if hasattr(part, 'get_data_info')]
    if sum(len(part.sources) if isinstance(part, FundusVessels) else 1 for part in found) < 2:
        return ''
    paths = [part.get_data_info(i).get('img_path') for part in found for i in range(len(part))]
    twice = repeated([path for path in paths if isinstance(path, str)])
    if not twice:
        return ''
    first, again = twice[0]
    also = 'stands there twice' if first == again else f'has the contents of {first}'
    text = (
        f'{where}: {len(twice)} of its {len(paths)} pictures repeat others, the first {again}, which {also}; each counts as often as it '
        'is read. Leave one of the data sets out if that is not meant'
    )
    tell(text, logging.WARNING)
    return text


def repeated(paths: list[str]) -> list[tuple[str, str]]:
    """Pairs of files with the same contents, ``(the first, one that repeats it)``; those that cannot be read have none."""
    groups: dict[tuple[int, bytes], list[str]] = {}
    found: list[tuple[str, str]] = []
    for path in paths:
        try:
            with open(path, 'rb') as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(size - PROBE, 0) // 2)
                groups.setdefault((size, hashlib.sha256(file.read(PROBE)).digest()), []).append(path)
        except OSError:
            continue
    for alike in (group for group in groups.values() if len(group) > 1):
        seen: dict[str, str] = {}
        for path in alike:
            digest = file_sha256(path)
            if digest in seen:
                found.append((seen[digest], path))
            seen.setdefault(digest, path)
    return found

"""The data sets of a config, wrapped or not, and where ``--data-root`` puts them."""

import logging
import os
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log
from mmseg.registry import DATASETS

from ..components import component, is_a
from ..datasets import FundusVesselDataset
from ..datasets.by_name import public_name
from ..errors import ConfigError

SPLITS = ('train', 'val', 'test')


def tell(text: str, level: int = logging.INFO) -> None:
    """Log a line before there is a runner, once for all processes."""
    if os.environ.get('RANK', '0') == '0':
        print_log(text, logger='current', level=level)


def leaves(cfg, splits=SPLITS) -> dict:
    """The data sets of some loaders that read files themselves, not through ``ConcatDataset``, ``RepeatDataset`` and the like.

    Args:
        cfg (Config): The config.
        splits (Sequence[str]): Of ``'train'``, ``'val'``, ``'test'``.

    Returns:
        dict[str, dict]: Dotted place to data set, as it is in ``cfg``.

    Raises:
        ConfigError: If a data set is a list, which no loader takes.
    """
    found = {}
    for split in splits:
        loader = cfg.get(f'{split}_dataloader')
        dataset = loader.get('dataset') if isinstance(loader, dict) else None
        if isinstance(dataset, (list, tuple)):
            raise ConfigError(
                f"{split}_dataloader.dataset is a list; several data sets in one are dataset=dict(type='ConcatDataset', datasets=[...])"
            )
        found.update(leaves_of(dataset, f'{split}_dataloader.dataset'))
    return found


def leaves_of(dataset, where='dataset') -> dict:
    """The same of one data set's config, which stands at a dotted place."""
    if isinstance(dataset, (list, tuple)):
        return {place: leaf for i, one in enumerate(dataset) for place, leaf in leaves_of(one, f'{where}.{i}').items()}
    if not isinstance(dataset, dict):
        return {}
    inner = next((name for name in ('datasets', 'dataset') if isinstance(dataset.get(name), (dict, list, tuple))), None)
    return leaves_of(dataset[inner], f'{where}.{inner}') if inner else {where: dataset}


def _has_root(leaf: dict) -> bool:
    return 'data_root' in leaf or is_a(leaf, FundusVesselDataset, DATASETS)


def name_of(part: dict, registry=DATASETS) -> str:
    """Class name of a data set's config, or of another component's."""
    found = component(part.get('type'), registry)
    return getattr(found, '__name__', str(part.get('type')))


def set_data_root(cfg: Config, root, splits=SPLITS) -> None:
    """Have a config read its data set from another folder, in every loader that reads it.

    Where ``splits`` read several data sets, each is looked for below ``root``, by the name of its folder or by its public name.

    Args:
        cfg (Config): Changed in place.
        root (str | Path): The folder.
        splits (Sequence[str]): Whose data sets are meant; the others follow where they read the same folder.

    Raises:
        ConfigError: If there is no data set, or there are several that are not below ``root``.
    """
    used = {place: leaf for place, leaf in leaves(cfg, splits).items() if _has_root(leaf)}
    if not used:
        raise ConfigError('--data-root: no data set of this config has a data_root')
    before = {leaf.get('data_root'): leaf for leaf in used.values()}
    if len(before) == 1:
        places = {old: str(root) for old in before}
    else:
        places = {old: _below(Path(root), old, leaf) for old, leaf in before.items()}
        if None in places.values() or len(set(places.values())) < len(places):
            sets = ', '.join(f'{name_of(leaf)} in {old}' for old, leaf in before.items())
            names = ' and '.join(Path(old or public_name(component(leaf['type'], DATASETS))).name for old, leaf in before.items())
            each = ' '.join(f'{place}.data_root=DIR' for place in used)
            raise ConfigError(
                f'--data-root {root}: the config reads several data sets ({sets}), and that folder does not hold them as {names}. Name '
                f'one that does, or each by itself: --cfg-options {each}'
            )
        told = ', '.join(f'{old} is {place}' for old, place in places.items())
        tell(f'--data-root {root}: {told}')
    for leaf in leaves(cfg).values():
        if _has_root(leaf) and leaf.get('data_root') in places:
            leaf['data_root'] = places[leaf.get('data_root')]


def _below(root: Path, old, leaf: dict) -> str | None:
    """Folder below ``root`` that is called like a data set."""
    names = [Path(old).name] if old else []
    kind = component(leaf.get('type'), DATASETS)
    return next((str(root / name) for name in [*names, public_name(kind)] if name and (root / name).is_dir()), None)

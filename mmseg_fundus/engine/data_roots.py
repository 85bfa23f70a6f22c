"""The data sets of a config, wrapped or not, and where ``--data-root`` puts them."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import Registry
from mmseg.registry import DATASETS

from ..components import component, is_a
from ..datasets import FundusVessels
from ..datasets.sources import SOURCES, Source, source_class
from ..errors import ConfigError

SPLITS = ('train', 'val', 'test')


def tell(text: str, level: int = logging.INFO) -> None:
    """Log a line before there is a runner, once for all processes."""
    if os.environ.get('RANK', '0') == '0':
        print_log(text, logger='current', level=level)


def leaves(cfg: Config, splits: Sequence[str] = SPLITS) -> dict[str, dict[str, Any]]:
    """The data sets of some loaders that read files themselves, not through ``ConcatDataset``, ``RepeatDataset`` and the like.

    Args:
        cfg (Config): The config.
        splits (Sequence[str]): Of ``'train'``, ``'val'``, ``'test'``.

    Returns:
        dict[str, dict]: Dotted place to data set, as it is in ``cfg``.

    Raises:
        ConfigError: If a data set is a list, which no loader takes.
    """
    found: dict[str, dict[str, Any]] = {}
    for split in splits:
        loader = cfg.get(f'{split}_dataloader')
        dataset = loader.get('dataset') if isinstance(loader, dict) else None
        if isinstance(dataset, (list, tuple)):
            raise ConfigError(
                f"{split}_dataloader.dataset is a list; several data sets in one are dataset=dict(type='ConcatDataset', datasets=[...])"
            )
        found.update(leaves_of(dataset, f'{split}_dataloader.dataset'))
    return found


def leaves_of(dataset: Any, where: str = 'dataset') -> dict[str, dict[str, Any]]:
    """The same of one data set's config, which stands at a dotted place."""
    if isinstance(dataset, (list, tuple)):
        return {place: leaf for i, one in enumerate(dataset) for place, leaf in leaves_of(one, f'{where}.{i}').items()}
    if not isinstance(dataset, dict):
        return {}
    inner = next((name for name in ('datasets', 'dataset') if isinstance(dataset.get(name), (dict, list, tuple))), None)
    return leaves_of(dataset[inner], f'{where}.{inner}') if inner else {where: dataset}


class Root(NamedTuple):
    """Where a config says which folder one data set lies in.

    Attributes:
        holder: The part of the config, a data set or one of its sources.
        key: The folder's key in it.
        place: Both, as a dotted place.
        name: Of the data set's class, the same for a source and for the class of it alone.
        known_as: Another name that its folder may have, the source's.
        public: Whether the name says which pictures these are.
    """

    holder: dict[str, Any]
    key: str
    place: str
    name: str
    known_as: str
    public: bool

    @property
    def path(self) -> str | None:
        return self.holder.get(self.key)

    def set(self, path: str) -> None:
        self.holder[self.key] = path


def roots(cfg: Config, splits: Sequence[str] = SPLITS) -> list[Root]:
    """The folders that the data sets of some loaders are read from, those of each source of :class:`.FundusVessels` by itself."""
    return [root for place, leaf in leaves(cfg, splits).items() for root in _roots_of(leaf, place)]


def _roots_of(leaf: dict[str, Any], place: str) -> list[Root]:
    sources = leaf.get('source')
    if is_a(leaf, FundusVessels, DATASETS) and isinstance(sources, (dict, list, tuple)):
        several = isinstance(sources, (list, tuple))
        found = []
        for i, holder in enumerate(sources if several else [sources]):
            known = source_class(component(holder.get('type'), SOURCES)) if isinstance(holder, dict) else None
            if known:
                where = f'{place}.source.{i}' if several else f'{place}.source'
                found.append(Root(holder, 'root', f'{where}.root', known.data_set or known.name, known.name, not known.general))
        return found
    if 'data_root' not in leaf and not is_a(leaf, FundusVessels, DATASETS):
        return []
    kind: type[Source] | None = getattr(component(leaf.get('type'), DATASETS), 'SOURCE', None)
    name = name_of(leaf)
    public = kind is not None and not kind.general and name == kind.data_set
    return [Root(leaf, 'data_root', f'{place}.data_root', name, kind.name if kind is not None and public else name, public)]


def name_of(part: dict[str, Any], registry: Registry = DATASETS) -> str:
    """Class name of a data set's config, or of another component's."""
    found = component(part.get('type'), registry)
    return getattr(found, '__name__', str(part.get('type')))


def set_data_root(cfg: Config, root: str | Path, splits: Sequence[str] = SPLITS) -> None:
    """Have a config read its data set from another folder, in every loader that reads it.

    Where ``splits`` read several data sets, each is looked for below ``root``, by the name of its folder or by its public name.

    Args:
        cfg (Config): Changed in place.
        root (str | Path): The folder.
        splits (Sequence[str]): Whose data sets are meant; the others follow where they read the same folder.

    Raises:
        ConfigError: If there is no data set, or there are several that are not below ``root``.
    """
    used = roots(cfg, splits)
    if not used:
        raise ConfigError('--data-root: no data set of this config has a data_root')
    before = {one.path: one for one in used}
    if len(before) == 1:
        places = {old: str(root) for old in before}
    else:
        below = {old: _below(Path(root), one) for old, one in before.items()}
        places = {old: place for old, place in below.items() if place is not None}
        if len(set(places.values())) < len(before):
            sets = ', '.join(f'{one.name} in {old}' for old, one in before.items())
            names = ' and '.join(Path(old or one.known_as).name for old, one in before.items())
            each = ' '.join(f'{one.place}=DIR' for one in used)
            raise ConfigError(
                f'--data-root {root}: the config reads several data sets ({sets}), and that folder does not hold them as {names}. Name '
                f'one that does, or each by itself: --cfg-options {each}'
            )
        told = ', '.join(f'{old} is {place}' for old, place in places.items())
        tell(f'--data-root {root}: {told}')
    for one in roots(cfg):
        if one.path in places:
            one.set(places[one.path])


def _below(root: Path, one: Root) -> str | None:
    """Folder below ``root`` that is called like a data set."""
    names = [Path(one.path).name] if one.path else []
    return next((str(root / name) for name in [*names, one.known_as] if name and (root / name).is_dir()), None)

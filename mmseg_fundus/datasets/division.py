"""Dividing a data set's pictures into training, validation and test."""

import logging
import random
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from mmengine.logging import print_log

from ..errors import ConfigError, DataError, NothingThereError
from ..fileio.reading import read_json
from .layout import missing
from .reading import stem_of
from .sources import Source

_WAYS = "dict(first=N), dict(folds=K, fold=I, seed=S) or dict(file='split.json')"
_HOLD_OUT = 'val_fraction, val_seed'
SPLITS = ('train', 'val', 'trainval', 'test', 'all')


@dataclass(frozen=True)
class Division:
    """Which pictures of a source train, validate and test.

    Attributes:
        way: Another division into training and test pictures than the usual one, see :func:`divide`; ``None`` for that.
        val_fraction: Share of the training pictures held out for validation, above 0 and below 1.
        val_seed: Seed of the hold-out.
    """

    way: Any = None
    val_fraction: float = 0.1
    val_seed: int = 42

    @classmethod
    def of(cls, settings: Any) -> 'Division':
        """From a config: ``val_fraction`` and ``seed``, with or without one of the ways of :func:`divide`.

        ``seed`` is that of the folds where there are folds, and of the hold-out, which ``val_seed`` sets by itself.

        Raises:
            ConfigError: If a value is none; what :func:`divide` takes is looked at there.
        """
        if settings is None or isinstance(settings, Division):
            return settings or cls()
        if not isinstance(settings, dict):
            raise ConfigError(f'division={settings!r}: expected {_WAYS}, with or without {_HOLD_OUT}')
        of_hold_out = ('val_fraction', 'val_seed') if 'folds' in settings else ('val_fraction', 'val_seed', 'seed')
        way = {key: value for key, value in settings.items() if key not in of_hold_out}
        seed = settings.get('val_seed', settings.get('seed', cls.val_seed))
        if type(seed) is not int:
            raise ConfigError(f'division: seed={seed!r} must be a whole number')
        return cls(way or None, settings.get('val_fraction', cls.val_fraction), seed)

    def samples(self, source: Source, root: Path, split: str) -> tuple[list[dict[str, Any]], str]:
        """Samples of a split of a source in ``root``, in a fixed order; and a note about those that are missing, or ''.

        Raises:
            ConfigError: If the division is none.
            DataError: If the files do not fit the layout, or it.
        """
        samples, held_out = self._listed(source, root, 'test' if split == 'test' else 'training', split)
        if not samples:
            raise NothingThereError(f'{root} has no picture for split={split!r}')
        parts = {'test': ['test'], 'all': ['training', 'test']}.get(split, ['training']) if self.way is None else []
        note = missing(samples, [id for part in parts for id in source.ids.get(part, [])])
        if held_out is not None:
            samples = {'val': held_out, 'trainval': samples + held_out}.get(split, samples)
        elif split in ('train', 'val'):
            samples = hold_out(samples, self.val_fraction, self.val_seed)[split == 'val']
        return samples, note

    def _listed(self, source: Source, root: Path, part: str, split: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None]:
        """Samples of the split, before a hold-out is taken from them; and the hold-out that a split file names."""
        flat = bool(source.undivided)
        if part == 'test' and flat and self.way is None:
            print_log(
                f"{source.data_set or source.name}: {source.undivided}, so that 'test' reads the same pictures as the training splits do; "
                'divide them with division=dict(first=N), dict(folds=K, fold=I) or dict(file=...)',
                logger='current',
                level=logging.WARNING,
            )
        if self.way is None and (split != 'all' or flat):
            return source.list_part(root, part), None
        samples = source.list_part(root, part) if flat else source.list_part(root, 'training') + source.list_part(root, 'test')
        if split == 'all':
            return samples, None
        divided = divide(samples, self.way, root)
        return divided[part], divided.get('val')


def hold_out(samples: list[Any], fraction: float, seed: int) -> tuple[list[Any], list[Any]]:
    """Split training samples into (train, validation), the same on every machine.

    Args:
        samples (list): In a fixed order.
        fraction (float): Share held out for validation, above 0 and below 1; at least one sample goes to each side.
        seed (int): Of Python's own generator, so that no library version changes the split.

    Returns:
        tuple[list, list]: Both in the order of ``samples``.

    Raises:
        DataError: If there are fewer than two samples or the fraction is out of range.
    """
    if not isinstance(fraction, float) or not 0 < fraction < 1:
        raise DataError(f'val_fraction={fraction} must lie between 0 and 1')
    if len(samples) < 2:
        raise DataError(f'{len(samples)} training picture(s) cannot be split into training and validation; two at least are needed')
    count = min(max(round(len(samples) * fraction), 1), len(samples) - 1)
    held = set(random.Random(seed).sample(range(len(samples)), count))
    return [s for i, s in enumerate(samples) if i not in held], [s for i, s in enumerate(samples) if i in held]


def divide(samples: list[dict[str, Any]], division: dict[str, Any], root: Path) -> dict[str, list[dict[str, Any]]]:
    """Divide all pictures of a data set in another way than the usual one.

    Args:
        samples (list[dict]): All of them, in a fixed order, with ``img_path``.
        division (dict): One of

            - ``dict(first=N)``: the first ``N`` train, the rest test.
            - ``dict(folds=K, fold=I, seed=42)``: fold ``I`` (0 to ``K - 1``) of ``K`` tests, the rest trains; as many folds as
              pictures is leave-one-out.
            - ``dict(file='split.json')``: a JSON object ``{"train": [...], "val": [...], "test": [...]}`` of picture names, with or
              without suffix and folder; ``val`` may be left out, and pictures that are nowhere named are not used.
        root (Path): The data set's folder, which names in a file are seen from.

    Returns:
        dict[str, list]: ``training``, ``test`` and, from a file that has it, ``val``.

    Raises:
        ConfigError: If ``division`` is none of these.
        DataError: If the numbers do not fit the data set, or a name in the file is unknown, ambiguous or given twice.
    """
    if not isinstance(division, dict):
        raise ConfigError(f'division={division!r}: expected {_WAYS}')
    keys = set(division)
    for name in keys & {'first', 'folds', 'fold', 'seed'}:
        if type(division[name]) is not int:
            raise ConfigError(f'division: {name}={division[name]!r} must be a whole number')
    if not isinstance(division.get('file', ''), (str, Path)):
        raise ConfigError(f'division: file={division["file"]!r} must be the path of a split file')
    if keys == {'first'}:
        count = division['first']
        if not 0 < count < len(samples):
            raise DataError(f'division first={count}: {root} has {len(samples)} pictures; both sides need one')
        return dict(training=samples[:count], test=samples[count:])
    if {'folds', 'fold'} <= keys <= {'folds', 'fold', 'seed'}:
        return _fold(samples, division['folds'], division['fold'], division.get('seed', 42))
    if keys == {'file'}:
        return _from_file(samples, Path(division['file']).expanduser(), root)
    raise ConfigError(f'division={division!r}: expected {_WAYS}')


def _fold(samples: list[dict[str, Any]], folds: int, fold: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    if not 2 <= folds <= len(samples):
        raise DataError(f'division folds={folds}: between 2 and the number of pictures, {len(samples)}, was expected')
    if not 0 <= fold < folds:
        raise DataError(f'division fold={fold}: 0 to {folds - 1} was expected')
    order = list(range(len(samples)))
    random.Random(seed).shuffle(order)
    held = set(order[fold::folds])
    return dict(training=[s for i, s in enumerate(samples) if i not in held], test=[s for i, s in enumerate(samples) if i in held])


def _from_file(samples: list[dict[str, Any]], file: Path, root: Path) -> dict[str, list[dict[str, Any]]]:
    lists = read_json(file)
    kinds = lists.values() if isinstance(lists, dict) else [None]
    wrong = [kind for kind in kinds if not isinstance(kind, list) or not all(isinstance(name, str) for name in kind)]
    if wrong or not {'train', 'test'} <= set(lists) <= {'train', 'val', 'test'}:
        raise DataError(f'{file}: expected a JSON object with "train", "test" and perhaps "val", each a list of picture names')
    by_name: dict[str, list[dict[str, Any]]] = {}
    for sample in samples:
        path = PurePath(sample['img_path'])
        inside = path.relative_to(root) if path.is_relative_to(root) else path
        whole, bare = inside.as_posix(), (inside.parent / stem_of(path)).as_posix()
        for name in {path.name, stem_of(path), path.name.removesuffix('.gz'), whole, whole.removesuffix('.gz'), bare}:
            by_name.setdefault(name, []).append(sample)
    chosen: dict[str, list[dict[str, Any]]] = {}
    where: dict[str, str] = {}
    for part, names in lists.items():
        chosen['training' if part == 'train' else part] = found = []
        for name in names:
            matches = by_name.get(name, [])
            if len(matches) != 1:
                known = f'{len(matches)} pictures' if matches else 'no picture'
                raise DataError(f'{file}: {name!r} in "{part}" names {known} of {root}; names such as {_example(samples, root)} are known')
            path = matches[0]['img_path']
            if path in where:
                raise DataError(f'{file}: {name!r} is in "{where[path]}" and in "{part}"')
            where[path] = part
            found.append(matches[0])
    empty = [part for part in lists if not lists[part]]
    if empty:
        raise DataError(f'{file}: "{empty[0]}" is empty')
    return chosen


def _example(samples: list[dict[str, Any]], root: Path) -> str:
    path = PurePath(samples[0]['img_path'])
    return repr((path.relative_to(root) if path.is_relative_to(root) else path).as_posix())

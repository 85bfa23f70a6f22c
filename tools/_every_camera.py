"""The trainings of ``tools/reproduce.py --leave-one-out`` and ``--matrix``: the same recipe on other sets, each with a short config."""

from pathlib import Path

from _trainings import Job, Test, views_per_epoch
from mmseg.registry import DATA_SAMPLERS, DATASETS

from mmseg_fundus.components import is_a, takes
from mmseg_fundus.datasets import FundusVessels
from mmseg_fundus.datasets.sources import source_class
from mmseg_fundus.engine.config import load_config
from mmseg_fundus.engine.inputs import build_unverified
from mmseg_fundus.errors import ConfigError, DataError, NothingThereError

USUAL = ('DRIVE', 'STARE', 'CHASE_DB1', 'HRF')


class Recipe:
    """A config whose data sets are :class:`FundusVessels`, and the pictures that are there for it.

    Args:
        config (Path): The config.
        data_root (Path): Folder that holds the folders of the sets.
        weights (Path, optional): The encoder's.
    """

    def __init__(self, config: Path, data_root: Path, weights: Path | None) -> None:
        self.config, self.data_root = config.absolute(), data_root.absolute()
        self.cfg = load_config(config, weights=weights)
        for split in ('train', 'val', 'test'):
            self._check(split, self.cfg.get(f'{split}_dataloader'))
        self.own = {**self._named('test'), **self._named('train')}
        self._counts: dict[tuple[str, str], int] = {}

    def _check(self, split: str, loader) -> None:
        if loader is None and split == 'val':
            return
        dataset = (loader or {}).get('dataset')
        if not (is_a(dataset, FundusVessels, DATASETS) and dataset.get('source')):
            found = dataset.get('type') if isinstance(dataset, dict) else dataset
            raise ConfigError(
                f'--config {self.config}: {split}_dataloader.dataset is {found}, whose sets cannot be chosen; a FundusVessels with '
                "source=[dict(type='DRIVE', ...), ...] was expected"
            )

    def _named(self, split: str) -> dict[str, dict]:
        """Settings of the sources that the config names itself, by the sets' names."""
        given = self.cfg[f'{split}_dataloader'].dataset.to_dict()['source']
        known = [(source_class(one.get('type')), one) for one in (given if isinstance(given, list) else [given])]
        return {kind.name: one for kind, one in known if kind and not kind.general}

    def source(self, name: str) -> dict:
        """Of one set: as the config has it, where it names it, in its folder below the data root."""
        return {**self.own.get(name, {}), 'type': name, 'root': str(self.data_root / name)}

    def dataset(self, names, split: str | None = None) -> FundusVessels:
        """Pictures of sets: of the recipe's training, or of another split."""
        dataset = self.cfg.train_dataloader.dataset.to_dict()
        more = {} if split is None else {'split': split}
        return build_unverified({**dataset, 'source': [self.source(name) for name in names], **more})

    def count(self, name: str, split: str) -> int:
        """Pictures of a set in a split; 0 where they are missing."""
        if (name, split) not in self._counts:
            try:
                self._counts[name, split] = len(self.dataset([name], split))
            except NothingThereError:
                self._counts[name, split] = 0
        return self._counts[name, split]

    def sampler(self, trained: tuple[str, ...]) -> dict:
        """What the sampler is told: every training takes about as many steps as the recipe's own, whatever its sets hold."""
        given = self.cfg.train_dataloader.get('sampler') or {}
        found = {'draw': 'natural'} if len(trained) == 1 and takes(given, 'draw', DATA_SAMPLERS) else {}
        own = [name for name in self.own if name in self._named('train') and (self.data_root / name).is_dir()]
        if not own or set(own) == set(trained) or not takes(given, 'repeats', DATA_SAMPLERS):
            return found
        alone = {'draw': 'natural'} if len(own) == 1 and takes(given, 'draw', DATA_SAMPLERS) else {}
        views = views_per_epoch(self.cfg, self.dataset(own), **alone)
        return {'repeats': max(round(views / views_per_epoch(self.cfg, self.dataset(trained), **found, repeats=1)), 1), **found}

    def training_text(self, trained: tuple[str, ...], seed: int) -> str:
        sources = ''.join(f'    {_written(self.source(name))},\n' for name in trained)
        sampler = self.sampler(trained)
        lines = [
            f'# Of tools/reproduce.py: {self.config.name} on {", ".join(trained)}. By hand: python tools/train.py THIS_FILE --seed {seed}',
            f'_base_ = {str(self.config)!r}',
            f'_trained = [\n{sources}]',
            f'train_dataloader = dict({f"sampler={_written(sampler)}, " if sampler else ""}dataset=dict(source=_trained))',
            *(['val_dataloader = dict(dataset=dict(source=_trained))'] if self.cfg.get('val_dataloader') else []),
            'test_dataloader = dict(dataset=dict(source=_trained))',
            'del _trained',
        ]
        return '\n'.join(lines) + '\n'

    def test_text(self, name: str, split: str) -> str:
        return (
            f'# Of tools/reproduce.py: what the config above trains, tested on {name} ({split}).\n'
            f"_base_ = '../{self.config.name}'\n"
            f'test_dataloader = dict(dataset=dict(source=[{_written(self.source(name))}], split={split!r}))\n'
        )


def _written(settings: dict) -> str:
    return f'dict({", ".join(f"{key}={value!r}" for key, value in settings.items())})'


def camera_jobs(args, known) -> tuple[list[Job], list[str]]:
    """The trainings, and what is not tested and why.

    Args:
        args: ``config``, ``data_root``, ``weights``, ``sets``, ``seeds``, ``leave_one_out``, ``matrix``, ``test_halves``.
        known (Iterable[str]): Sets that can be named.

    Raises:
        ConfigError: If the recipe is none, or there are too few sets.
        DataError: If a set's pictures are missing.
    """
    recipe = Recipe(args.config, args.data_root, args.weights)
    sets = args.sets or [name for name in USUAL if name in known and (args.data_root / name).is_dir()]
    if len(sets) < 2:
        raise DataError(f'{args.data_root} has {", ".join(sets) or "none"} of {", ".join(USUAL)}; two sets or more were expected')
    for name in sets:
        if not recipe.count(name, 'trainval'):
            recipe.dataset([name], 'trainval')  # says what is missing
    wanted: dict[tuple[str, ...], list[str]] = {}  # sets that are trained on: sets that are tested
    if args.leave_one_out:
        wanted.update({tuple(one for one in sets if one != name): [name] for name in sets})
    if args.matrix:
        wanted.update(dict.fromkeys([*wanted, *((name,) for name in sets), tuple(sets)], sets))
    jobs, notes = [], []
    for seed in args.seeds:
        left_out = {name: _job_name(args, tuple(one for one in sets if one != name), seed) for name in sets if args.leave_one_out}
        for trained, tested in wanted.items():
            name = _job_name(args, trained, seed)
            halves = {one: _half(recipe, args, one, trained) for one in tested}
            notes += [
                f'{name} is not tested on {one}, which has no test pictures: it trains on its others' for one in halves if not halves[one]
            ]
            judged = [one for one, job in left_out.items() if job == name]  # the camera that it leaves out: what others are calibrated on
            calibrate_on = ()
            if judged or (left_out and set(trained) == set(sets)):
                calibrate_on = tuple((job, _label(one, 'trainval')) for one, job in left_out.items() if one not in judged)
            file = args.config.name
            files, tests = {file: recipe.training_text(trained, seed)}, []
            for one, split in dict.fromkeys([*((one, 'trainval') for one in judged), *halves.items()]):
                if split:
                    label = _label(one, split)
                    files[f'{label}/{file}'] = recipe.test_text(one, split)
                    tests.append(Test(label, f'{label}/{file}'))
            if calibrate_on:
                tests += [test._replace(label=f'{test.label}_calibrated', calibrated=True) for test in tests]
            jobs.append(Job(name, file, None, seed, tuple(tests), files, calibrate_on))
    if not any(job.tests for job in jobs):
        raise DataError(f'{args.data_root}: no set has pictures that a training could be tested on')
    return jobs, notes


def _job_name(args, trained: tuple[str, ...], seed: int) -> str:
    return f'{args.config.stem}_from_{"_".join(trained)}_seed{seed}'


def _label(name: str, split: str) -> str:
    return f'on_{name}' + ('' if split == 'test' else f'_{split}')


def _half(recipe: Recipe, args, name: str, trained: tuple[str, ...]) -> str | None:
    """Which pictures of a set test a training: never those that it was trained on; ``None`` if there are no others."""
    if recipe.count(name, 'test'):
        return 'test'
    if args.test_halves == 'train':
        return None if name in trained else 'trainval'
    raise DataError(
        f'{args.data_root / name} has no test pictures; with --test-halves train a set that a training does not see is tested on its '
        'training pictures'
    )

"""The trainings of tools/reproduce.py: what each is made of, and everything that is looked at before the first begins."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from _calibrations import is_tested, results_of
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATA_SAMPLERS

from mmseg_fundus import results
from mmseg_fundus.engine.config import check_loaders, load_config, use_dataset
from mmseg_fundus.engine.encoder_config import encoder_config, weights_file
from mmseg_fundus.engine.inputs import build_unverified, check_inputs
from mmseg_fundus.engine.iterations import counts_iterations, follow_iterations
from mmseg_fundus.engine.settings import changed_settings, flat_settings
from mmseg_fundus.engine.training_options import apply_training_options
from mmseg_fundus.engine.work_folder import latest_whole_checkpoint
from mmseg_fundus.errors import CheckpointError, ConfigError, DataError
from mmseg_fundus.fileio.checksum import file_sha256
from mmseg_fundus.models.checkpoints import read_checkpoint
from mmseg_fundus.results.provenance import difference, seen_before

ROOM, ROOM_SLIM = 200 * 2**20, 40 * 2**20  # bytes of a training: checkpoints, log, curves, masks; of one without an encoder
_WHERE = ('root', 'data_root', 'weights', 'weights.file')  # settings that say where a file lies; what is in it is compared


class Test(NamedTuple):
    """One test of a training: its name, config (see :class:`Job`), folder of pictures, and options of tools/test.py.

    ``calibrated``: of the checkpoint that is calibrated when all trainings are over, see :mod:`_calibrations`.
    """

    label: str
    config: Path | str
    data: Path | None = None
    options: tuple = ()
    calibrated: bool = False


class Job(NamedTuple):
    """One training and what is tested with it.

    A config that is a text is one of ``files``, which are written into the folder ``recipe`` of the job's own.  ``calibrate_on`` names
    jobs and their tests, on whose results the training's checkpoint is calibrated.
    """

    name: str
    config: Path | str
    data: Path | None
    seed: int
    tests: tuple[Test, ...]
    files: dict[str, str] = {}  # noqa: RUF012 (nobody changes it)
    calibrate_on: tuple[tuple[str, str], ...] = ()

    def write(self, folder: Path) -> None:
        for name, text in self.files.items():
            path = folder / 'recipe' / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8')

    def located(self, config: Path | str, folder: Path) -> Path:
        return folder / 'recipe' / config if isinstance(config, str) else config


class Plan(NamedTuple):
    """What is known of a job before it begins.

    Attributes:
        job: The training.
        folder: Its own.
        steps, epochs: Of the whole training; ``epochs`` is ``None`` where it counts iterations.
        about: What trains and tests, in words.
        state: How far it is, in words.
        done: Whether nothing is left of it.
        slim: Whether it has no encoder: its checkpoints are small.
    """

    job: Job
    folder: Path
    steps: int
    epochs: int | None
    about: str
    state: str
    done: bool
    slim: bool


def trained_checkpoint(folder: Path) -> Path:
    """The checkpoint of a training that is over; the folder may have been moved."""
    named = Path((folder / 'trained').read_text().strip())
    path = next((path for path in (named, folder / named.name) if path.is_file()), None)
    if path is None:
        raise CheckpointError(f'{folder / "trained"} names {named}, which is missing; delete {folder} to have it trained anew')
    return path


def plan(job: Job, args, scratch: Path) -> Plan:
    """Look at all that a job reads and at what its folder holds already.

    Args:
        job (Job): The training.
        args: ``weights``, ``epochs`` and ``work_dir``.
        scratch (Path): For the job's own configs; nothing else is written.

    Raises:
        FundusError: Naming what cannot be read, or what differs from the training that the folder holds.
    """
    folder = args.work_dir / job.name
    job.write(scratch)
    cfg = load_config(job.located(job.config, scratch), None, str(folder), job.data, args.weights, ('train', 'val'))
    check_loaders(cfg, ('train',))
    _check_weights_given(cfg, args.weights, job)
    apply_training_options(cfg, epochs=args.epochs, seed=job.seed)
    follow_iterations(cfg)
    check_inputs(cfg, ('train', 'val'))
    trains = build_unverified(cfg.train_dataloader.dataset)
    checkpoint, state = _begun(folder)
    if checkpoint:
        _compare(cfg, trains, checkpoint, folder, args.weights)
    left, tested = [], []
    for test in job.tests:
        pictures = _test_pictures(job, test, args, scratch)
        if job.files:
            _refuse_trained(job, test, trains, pictures)
        tested.append(_said(pictures))
        target = results_of(folder, test.label)
        if not is_tested(job, args.work_dir, test.label, test.calibrated):
            left.append(test.label)
            continue
        differ = difference(pictures.files(), results.load(target).files) if hasattr(pictures, 'files') else ''
        if differ:
            raise DataError(f'{target} is of other pictures than {_said(pictures)}: {differ}. {_choose(folder)}')
    iterations = counts_iterations(cfg.train_cfg)
    epochs = None if iterations else cfg.train_cfg.max_epochs
    steps = cfg.train_cfg.max_iters if iterations else epochs * _steps_per_epoch(cfg, trains)
    if state == 'trained':
        state = f'trained; left to test: {", ".join(left)}' if left else 'done'
    about = f'trains on {_said(trains)}; about {steps} steps' + (f' in {epochs} epochs' if epochs else '') + f', seed {job.seed}; '
    about += f'tests on {" and ".join(dict.fromkeys(tested))}' if tested else 'tests nothing'
    about += f'; calibrated on {", ".join(f"{label} of {name}" for name, label in job.calibrate_on)}' if job.calibrate_on else ''
    return Plan(job, folder, steps, epochs, about, state, state == 'done', encoder_config(cfg) is None)


def _check_weights_given(cfg: Config, weights: Path | None, job: Job) -> None:
    encoder = encoder_config(cfg)
    if weights is None and encoder is not None and weights_file(encoder) != 'random':
        raise ConfigError(
            f'{job.name}: the backbone of its config, {encoder.get("type")}, takes weights; name their file with --weights FILE'
        )


def _test_pictures(job: Job, test: Test, args, scratch: Path):
    options = dict(zip(test.options[::2], test.options[1::2]))
    other = options.get('--dataset')
    cfg = load_config(job.located(test.config, scratch), None, 'work', None if other else test.data, args.weights, ('test',))
    check_loaders(cfg, ('test',))
    if other:
        use_dataset(cfg, other, test.data)
    check_inputs(cfg, ('test',))
    return build_unverified(cfg.test_dataloader.dataset)


def _said(dataset) -> str:
    """``STARE trainval, 10; HRF trainval, 15``."""
    about = results.DataSet.of(results.described(dataset))
    return '; '.join(f'{part.short_name} {part.split}, {part.pictures}' for part in about.parts or [about])


def _refuse_trained(job: Job, test: Test, trains, tests) -> None:
    seen = seen_before(tests.files(), trains.files())
    if seen:
        raise DataError(
            f'{job.name}: {len(seen)} of the pictures that {test.label} tests are trained on, by their contents ({", ".join(seen[:3])}'
            f'{", ..." if seen[3:] else ""}): no test of it. Leave one of the two sets out with --sets'
        )


def _steps_per_epoch(cfg: Config, dataset) -> int:
    return -(-views_per_epoch(cfg, dataset) // cfg.train_dataloader.get('batch_size', 1))


def views_per_epoch(cfg: Config, dataset, **changed) -> int:
    """Samples that the sampler of a config hands out in an epoch, with some of its arguments ``changed``."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    sampler = {**(cfg.train_dataloader.get('sampler') or {'type': 'DefaultSampler'}), **changed}
    return len(DATA_SAMPLERS.build(sampler, default_args=dict(dataset=dataset, seed=0)))


def _begun(folder: Path) -> tuple[Path | None, str]:
    """The newest checkpoint in a job's folder, and how far the training is in words."""
    if (folder / 'trained').is_file():
        return trained_checkpoint(folder), 'trained'
    path = latest_whole_checkpoint(folder)[0] if folder.is_dir() else None
    return path, f'goes on after {path.stem.replace("_", " ")}' if path else 'to do'


def _compare(cfg: Config, dataset, checkpoint: Path, folder: Path, weights: Path | None) -> None:
    """Refuse to go on with, or to take as done, a training of other settings, pictures or weights."""
    meta = read_checkpoint(checkpoint).get('meta')
    meta = meta if isinstance(meta, dict) else {}
    before, training, encoder = (meta.get(name) if isinstance(meta.get(name), dict) else {} for name in ('settings', 'training', 'encoder'))
    changed = changed_settings(_of_training(flat_settings(cfg.to_dict())), _of_training(before)) if before else ''
    if changed:
        raise ConfigError(f'{folder} holds a training with other settings than are asked for: {changed}. {_choose(folder)}')
    files = training.get('files')
    differ = difference(dataset.files(), files) if isinstance(files, dict) and hasattr(dataset, 'files') else ''
    if differ:
        raise DataError(f'{folder} holds a training on other pictures than {_said(dataset)}: {differ}. {_choose(folder)}')
    if weights and encoder.get('sha256') not in (None, file_sha256(weights)):
        raise ConfigError(f'{folder} holds a training with other weights than {weights}: {encoder.get("file")}. {_choose(folder)}')


def _of_training(settings: dict[str, str]) -> dict[str, str]:
    """Without what decides the test alone, and without places."""
    ends = tuple(f'.{name}' for name in _WHERE)
    return {name: value for name, value in settings.items() if not name.startswith('test_dataloader.dataset.') and not name.endswith(ends)}


def _choose(folder: Path) -> str:
    return f'Choose another --work-dir, ask for what it was begun with, or delete {folder}'


def check_outputs(args, left: list[Plan]) -> None:
    """Raise if a folder that is written to is none or cannot be written, or the trainings that are ``left`` have no room there."""
    room = sum(ROOM_SLIM if one.slim else ROOM for one in left)
    for option, folder in (('--work-dir', args.work_dir), ('--results', args.results)):
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not there.is_dir():
            raise ConfigError(f'{option} {folder}: {there} is no folder')
        if not os.access(there, os.W_OK | os.X_OK):
            raise ConfigError(f'{option} {folder}: {there} cannot be written')
        free = shutil.disk_usage(there).free
        if free < room:
            raise ConfigError(
                f'{option} {folder}: {free / 2**20:.0f} MB are free, about {room / 2**20:.0f} MB were expected for {len(left)} '
                'trainings; make room or choose another folder'
            )
    if args.readme and not os.access(args.readme, os.W_OK):
        raise ConfigError(f'--readme {args.readme} cannot be written')

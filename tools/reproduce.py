"""Train the high-accuracy recipe on every data set, one training per GPU at a time, test it and write the table of results.

Nothing is chosen on test pictures: all training pictures train, the last epoch is tested, at a threshold of 0.5 and at the one that is
best on the training pictures.  Begun again, it goes on where it was stopped.  Everything is looked at before the first training begins;
``--dry-run`` ends there.

Example:
    python tools/reproduce.py --weights VFM_Fundus_weights.pth --data-root /data           # DRIVE, STARE, CHASE_DB1, HRF, FIVES below /data
    python tools/reproduce.py --weights VFM_Fundus_weights.pth --data-root /data --sets DRIVE --seeds 1 2 3 --cross STARE CHASE_DB1
    python tools/reproduce.py --weights VFM_Fundus_weights.pth --data-root /data --ablation --seeds 1 2 3
    python tools/reproduce.py --data-root /data --leave-one-out --matrix                   # one recipe for every camera, without an encoder
"""

import argparse
import tempfile
from pathlib import Path

import _setup  # noqa: F401
from _calibrations import calibrate, is_calibrated, is_tested, results_of
from _every_camera import camera_jobs
from _jobs import call, gpus_to_use, share_out
from _progress import TEST_LOG, Progress
from _trainings import Job, Plan, Test, check_outputs, plan, trained_checkpoint

from mmseg_fundus.datasets.sources import known_sources
from mmseg_fundus.engine.cli import run
from mmseg_fundus.errors import ConfigError, DataError, FundusError
from mmseg_fundus.fileio.whole_files import write_whole
from mmseg_fundus.models.checkpoints import read_checkpoint, write_checkpoint
from mmseg_fundus.results import table

ROOT = Path(__file__).resolve().parent.parent
RECIPES = {name: source.recipe for name, source in known_sources().items() if source.recipe}  # of each data set, by its folder's name
CHOICES = {'0.5': (), 'chosen': ('--choose-threshold', 'trainval')}  # how the test pictures' threshold is come by
EVERY_CAMERA = ROOT / 'configs/contrast_unet.py'


def parse_args():
    parser = argparse.ArgumentParser(description='Run the high-accuracy recipe on all data sets and write the table of results.')
    parser.add_argument('--weights', type=Path, metavar='FILE', help="the encoder's weights; not of a recipe that has no encoder")
    parser.add_argument('--data-root', required=True, type=Path, metavar='DIR', help=f'folder with {", ".join(RECIPES)}, or some of them')
    parser.add_argument('--sets', nargs='+', choices=RECIPES, metavar='SET', help='data sets to train on (default: all)')
    parser.add_argument(
        '--cross', nargs='+', default=[], choices=RECIPES, metavar='SET', help="test each training on these sets' test pictures too"
    )
    parser.add_argument(
        '--ablation', action='store_true', help='run configs/ablation on DRIVE instead, scored on held-out training pictures'
    )
    parser.add_argument('--only', nargs='+', metavar='NAME', help='with --ablation: these configs (default: all)')
    parser.add_argument('--leave-one-out', action='store_true', help='train on all sets but one and test on that one, each in turn')
    parser.add_argument('--matrix', action='store_true', help='train on each set alone and on all together, test each on every set')
    parser.add_argument(
        '--config', type=Path, metavar='FILE', help=f'recipe of these two, with FundusVessels (default: {EVERY_CAMERA.relative_to(ROOT)})'
    )
    parser.add_argument(
        '--test-halves',
        choices=['test', 'train'],
        default='test',
        help='train: a set whose test pictures are missing is tested on its training pictures by trainings that do not see it',
    )
    parser.add_argument(
        '--keep-checkpoints',
        action=argparse.BooleanOptionalAction,
        help='keep the last checkpoint of each training beside its results (default: those without an encoder, a few MB each)',
    )
    parser.add_argument('--epochs', type=int, metavar='N', help="epochs of each training, instead of its config's")
    parser.add_argument('--dry-run', action='store_true', help='look at everything, say what would be trained and tested, write nothing')
    parser.add_argument('--seeds', nargs='+', type=int, default=[1], metavar='N', help='seeds (default: 1)')
    parser.add_argument('--gpus', type=int, metavar='N', help='GPUs to share the trainings (default: all there are; none: the CPU)')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/reproduce'), metavar='DIR', help='output folder')
    parser.add_argument('--results', type=Path, default=ROOT / 'configs/results', metavar='DIR', help='folder that results are added to')
    parser.add_argument(
        '--readme', type=Path, default=ROOT / 'configs/README.md', metavar='FILE', help='file that the table is written into'
    )
    args = parser.parse_args()
    args.cameras = args.leave_one_out or args.matrix
    if not args.cameras and not args.weights:
        parser.error('the following arguments are required: --weights')
    return args


def check(args) -> None:
    """Refuse arguments that cannot be meant."""
    for option, values in (('--seeds', args.seeds), ('--sets', args.sets or [])):
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise ConfigError(f'{option}: {twice[0]} stands there twice')
    if min(args.seeds) < 0:
        raise ConfigError(f'--seeds {min(args.seeds)}: 0 or more was expected')
    if args.cameras and (args.ablation or args.cross):
        raise ConfigError('--leave-one-out and --matrix say themselves what is tested on what; leave --ablation and --cross out')
    for option, given in (('--config', args.config), ('--test-halves train', args.test_halves != 'test')):
        if given and not args.cameras:
            raise ConfigError(f'{option} is of --leave-one-out and --matrix; add one of them')
    args.config = args.config or EVERY_CAMERA


def jobs_of(args) -> tuple[list[Job], list[str]]:
    """The trainings, and what is not tested and why; raises before the first of them if a folder or a file is missing."""
    if args.weights and not args.weights.is_file():
        raise ConfigError(f'--weights {args.weights}: no such file')
    if args.ablation and (args.sets or args.cross):
        raise ConfigError('--ablation runs on DRIVE alone; leave --sets and --cross out')
    if args.only and not args.ablation:
        raise ConfigError('--only names configs of the ablation; add --ablation')
    sets = ['DRIVE'] if args.ablation else args.sets or ([] if args.cameras else list(RECIPES))
    missing = [name for name in dict.fromkeys([*sets, *args.cross]) if not (args.data_root / name).is_dir()]
    if missing:
        raise DataError(f'{args.data_root} has no folder {", ".join(missing)}; name those that are there with --sets')
    if args.cameras:
        return camera_jobs(args, RECIPES)
    data = {name: args.data_root / name for name in RECIPES}
    if args.ablation:
        configs = {path.stem: path for path in sorted((ROOT / 'configs/ablation').glob('*.py'))}
        unknown = set(args.only or ()) - set(configs)
        if unknown:
            raise ConfigError(f'--only {", ".join(sorted(unknown))}: configs/ablation has {", ".join(configs)}')
        chosen = [path for name, path in configs.items() if not args.only or name in args.only]
        found = [(seed, path) for seed in args.seeds for path in chosen]
        return [_job(path, data['DRIVE'], seed, (Test('0.5', path, data['DRIVE']),)) for seed, path in found], []
    config = {name: Path(recipe) if recipe.endswith('.py') else ROOT / 'configs' / f'{recipe}.py' for name, recipe in RECIPES.items()}
    jobs = []
    for seed in args.seeds:
        for name in sets:
            tests = [Test(label, config[name], data[name], options) for label, options in CHOICES.items()]
            tests += [Test(f'on_{other}', config[name], data[other], ('--dataset', other)) for other in args.cross if other != name]
            jobs.append(_job(config[name], data[name], seed, tuple(tests)))
    return jobs, []


def _job(config: Path, data: Path, seed: int, tests: tuple) -> Job:
    return Job(f'{config.stem}_seed{seed}', config, data, seed, tests)


def carry_out(one: Plan, args, gpu: str | None, progress: Progress) -> None:
    """Train (or go on), test.  What a command says goes into a log file beside its output."""
    job, folder = one.job, one.folder
    folder.mkdir(parents=True, exist_ok=True)
    progress.train(job.name, folder, one.epochs, one.steps)
    try:
        done = folder / 'trained'  # holds the checkpoint's name; there only when the training is over
        if not one.done:
            job.write(folder)
        if not done.is_file():
            where = 'the CPU' if gpu is None else f'GPU {gpu}'
            progress.say(f'{job.name}: training on {where}, log in {folder / "train.log"}')
            epochs = ('--epochs', args.epochs) if args.epochs else ()
            training = ('--work-dir', folder, '--seed', job.seed, '--resume', *epochs)
            _run_tool(one, args, gpu, 'train.log', 'train.py', job.config, job.data, *training)
            newest = (folder / 'last_checkpoint').read_text().strip()
            write_whole(done, lambda path: path.write_text(newest))
        _test(one, args, gpu, progress, trained_checkpoint(folder), calibrated=False)
    finally:
        progress.end(job.name)


def calibrate_and_test(one: Plan, args, gpu: str | None, progress: Progress) -> None:
    """Calibrate a training when those that it is calibrated on are tested, and test it again."""
    progress.again(one.job.name, one.folder)
    try:
        if not is_calibrated(one.job, args.work_dir):
            progress.say(f'{one.job.name}: calibrating on {", ".join(name for name, _ in one.job.calibrate_on)}')
        _test(one, args, gpu, progress, calibrate(one.job, args.work_dir, trained_checkpoint(one.folder)), calibrated=True)
    finally:
        progress.end(one.job.name)


def _test(one: Plan, args, gpu: str | None, progress: Progress, checkpoint: Path, calibrated: bool) -> None:
    for test in one.job.tests:
        if test.calibrated == calibrated and not is_tested(one.job, args.work_dir, test.label, calibrated):
            progress.test(one.job.name, test.label)
            progress.say(f'{one.job.name}: testing ({test.label})')
            target = results_of(one.folder, test.label)
            arguments = (checkpoint, '--work-dir', target.parent, *test.options)
            _run_tool(one, args, gpu, TEST_LOG, 'test.py', test.config, test.data, *arguments)


def _run_tool(one: Plan, args, gpu: str | None, log: str, script: str, config: Path | str, data: Path | None, *arguments) -> None:
    where = ('--data-root', data) if data else ()
    weights = ('--weights', args.weights) if args.weights else ()
    call(one.job.name, one.folder / log, gpu, script, one.job.located(config, one.folder), *arguments, *where, *weights)


def keep(one: Plan, args, calibrated: bool) -> None:
    """Take the results of a training into the folder of results, and its checkpoint if it is to be kept: the calibrated one if it is."""
    name = None
    if one.slim if args.keep_checkpoints is None else args.keep_checkpoints:
        name = f'{one.job.name}.pth'
        trained = trained_checkpoint(one.folder)
        found = read_checkpoint(calibrate(one.job, args.work_dir, trained) if calibrated else trained)
        meta = table.without_paths({key: value for key, value in found['meta'].items() if key != 'cfg'})  # its text is full of paths
        args.results.mkdir(parents=True, exist_ok=True)
        write_checkpoint(args.results / name, {'meta': meta, 'state_dict': found['state_dict']})
    for test in one.job.tests:
        if calibrated or not test.calibrated:
            table.add(results_of(one.folder, test.label), args.results, name if test.calibrated == calibrated else None)


def main():
    args = parse_args()
    check(args)
    jobs, notes = jobs_of(args)
    count = gpus_to_use(args.gpus)
    table.with_table(args.readme, args.results, ROOT / 'configs')
    with tempfile.TemporaryDirectory() as scratch:
        plans = [plan(job, args, Path(scratch) / job.name) for job in jobs]
    left = [one for one in plans if not one.done]
    check_outputs(args, left)
    print('\n'.join(notes), end='\n' if notes else '')
    if args.dry_run:
        print(f'{len(plans)} trainings, {len(left)} to do, in {args.work_dir}; results into {args.results}, the table into {args.readme}')
        print('\n'.join(f'{one.job.name}: {one.state}\n  {one.about}' for one in plans))
        return
    for folder in (args.work_dir, args.results):
        folder.mkdir(parents=True, exist_ok=True)
    progress = Progress({one.job.name: 0 if one.state.startswith('trained') else one.steps for one in left}, max(count, 1))
    futures = share_out(left, lambda one, gpu: carry_out(one, args, gpu, progress), count, progress.tick)
    errors = {one.job.name: future.exception() for one, future in zip(left, futures)}
    whole = {one.job.name for one in plans if not errors.get(one.job.name)}
    ready = [one for one in plans if one.job.calibrate_on and whole >= {one.job.name, *(name for name, _ in one.job.calibrate_on)}]
    futures = share_out(ready, lambda one, gpu: calibrate_and_test(one, args, gpu, progress), count, progress.tick)
    errors.update({one.job.name: future.exception() for one, future in zip(ready, futures)})
    progress.tick(last=True)
    failed = [str(error) for error in errors.values() if error]
    for one in plans:
        try:
            if not errors.get(one.job.name):
                keep(one, args, one in ready)
        except FundusError as error:
            failed.append(str(error))
    table.write_table(args.readme, args.results, ROOT / 'configs')
    if failed:
        raise ConfigError(f'{len(failed)} of {len(jobs)} trainings failed. ' + ' '.join(failed))
    print(f'{len(jobs)} trainings; table in {args.readme}')


if __name__ == '__main__':
    run(main)

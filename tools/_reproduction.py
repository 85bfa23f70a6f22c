"""What tools/reproduce.py does when its arguments are in order: the trainings that are asked for, their tests, the table."""

import tempfile
from pathlib import Path

from _calibrations import calibrate, is_calibrated, is_tested, results_of
from _every_camera import camera_jobs
from _jobs import call, gpus_to_use, share_out
from _progress import TEST_LOG, Progress
from _setup import ROOT
from _trainings import Job, Plan, Test, check_outputs, plan, trained_checkpoint
from results_table import summaries

from mmseg_fundus.datasets.sources import known_sources
from mmseg_fundus.errors import ConfigError, DataError, FundusError
from mmseg_fundus.fileio.whole_files import write_whole
from mmseg_fundus.models.checkpoints import read_checkpoint, write_checkpoint
from mmseg_fundus.results import table
from mmseg_fundus.results.metafile import write_metafile
from mmseg_fundus.results.summary import write_summary

RECIPES = {name: source.recipe for name, source in known_sources().items() if source.recipe}  # of each data set, by its folder's name
CHOICES = {'0.5': (), 'chosen': ('--choose-threshold', 'trainval')}  # how the test pictures' threshold is come by


def jobs_of(args) -> tuple[list[Job], list[str]]:
    """The trainings, and what is not tested and why; raises before the first of them if a folder or a file is missing."""
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


def reproduce(args) -> None:
    """Carry out what is asked for; ``args`` as ``parse_args`` of tools/reproduce.py gives them."""
    jobs, notes = jobs_of(args)
    count = gpus_to_use(args.gpus)
    if args.readme:
        table.with_table(args.readme, args.results, ROOT / 'configs')
    with tempfile.TemporaryDirectory() as scratch:
        plans = [plan(job, args, Path(scratch) / job.name) for job in jobs]
    left = [one for one in plans if not one.done]
    check_outputs(args, left)
    print('\n'.join(notes), end='\n' if notes else '')
    if args.dry_run:
        where = f'the table into {args.readme}' if args.readme else 'the table is printed'
        print(f'{len(plans)} trainings, {len(left)} to do, in {args.work_dir}; results into {args.results}, {where}')
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
    if args.readme:
        table.write_table(args.readme, args.results, ROOT / 'configs')
        write_metafile(args.results, ROOT / 'configs')
    else:
        print(table.tables(args.results, ROOT / 'configs'))
    for page in summaries(args.results):
        write_summary(page, args.results)
    if failed:
        raise ConfigError(f'{len(failed)} of {len(jobs)} trainings failed. ' + ' '.join(failed))
    print(f'{len(jobs)} trainings; table in {args.readme or args.results}')

"""Train the high-accuracy recipe on every data set, one training per GPU at a time, test it and write the table of results.

Nothing is chosen on test pictures: all training pictures train, the last epoch is tested, at a threshold of 0.5 and at the one that is
best on the training pictures.  Begun again, it goes on where it was stopped.

Example:
    python tools/reproduce.py --weights VFM_Fundus_weights.pth --data-root /data           # DRIVE, STARE, CHASE_DB1, HRF, FIVES below /data
    python tools/reproduce.py --weights VFM_Fundus_weights.pth --data-root /data --sets DRIVE --seeds 1 2 3 --cross STARE CHASE_DB1
    python tools/reproduce.py --weights VFM_Fundus_weights.pth --data-root /data --ablation --seeds 1 2 3
"""

import argparse
import os
from pathlib import Path
from typing import NamedTuple

import _setup  # noqa: F401
from _jobs import call, gpus_to_use, share_out

from mmseg_fundus.datasets.sources import known_sources
from mmseg_fundus.engine.cli import run
from mmseg_fundus.errors import ConfigError, DataError, FundusError
from mmseg_fundus.fileio.whole_files import write_whole
from mmseg_fundus.results import table

ROOT = Path(__file__).resolve().parent.parent
RECIPES = {name: source.recipe for name, source in known_sources().items() if source.recipe}  # of each data set, by its folder's name
CHOICES = {'0.5': (), 'chosen': ('--choose-threshold', 'trainval')}  # how the test pictures' threshold is come by


class Job(NamedTuple):
    """One training and what is tested with it."""

    config: Path
    data: Path
    seed: int
    tests: tuple  # (name, config, data, options) of each

    @property
    def name(self) -> str:
        return f'{self.config.stem}_seed{self.seed}'


def parse_args():
    parser = argparse.ArgumentParser(description='Run the high-accuracy recipe on all data sets and write the table of results.')
    parser.add_argument('--weights', required=True, type=Path, metavar='FILE', help="the encoder's weights")
    parser.add_argument('--data-root', required=True, type=Path, metavar='DIR', help=f'folder with {", ".join(RECIPES)}, or some of them')
    parser.add_argument('--sets', nargs='+', choices=RECIPES, metavar='SET', help='data sets to train on (default: all)')
    parser.add_argument(
        '--cross', nargs='+', default=[], choices=RECIPES, metavar='SET', help="test each training on these sets' test pictures too"
    )
    parser.add_argument(
        '--ablation', action='store_true', help='run configs/ablation on DRIVE instead, scored on held-out training pictures'
    )
    parser.add_argument('--only', nargs='+', metavar='NAME', help='with --ablation: these configs (default: all)')
    parser.add_argument('--seeds', nargs='+', type=int, default=[1], metavar='N', help='seeds (default: 1)')
    parser.add_argument('--gpus', type=int, metavar='N', help='GPUs to share the trainings (default: all there are; none: the CPU)')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/reproduce'), metavar='DIR', help='output folder')
    parser.add_argument('--results', type=Path, default=ROOT / 'configs/results', metavar='DIR', help='folder that results are added to')
    parser.add_argument(
        '--readme', type=Path, default=ROOT / 'configs/README.md', metavar='FILE', help='file that the table is written into'
    )
    return parser.parse_args()


def jobs_of(args) -> list:
    """The trainings; raises before the first of them if a folder or a file is missing."""
    if not args.weights.is_file():
        raise ConfigError(f'--weights {args.weights}: no such file')
    if args.ablation and (args.sets or args.cross):
        raise ConfigError('--ablation runs on DRIVE alone; leave --sets and --cross out')
    if args.only and not args.ablation:
        raise ConfigError('--only names configs of the ablation; add --ablation')
    sets = ['DRIVE'] if args.ablation else args.sets or list(RECIPES)
    missing = [name for name in dict.fromkeys([*sets, *args.cross]) if not (args.data_root / name).is_dir()]
    if missing:
        raise DataError(f'{args.data_root} has no folder {", ".join(missing)}; name those that are there with --sets')
    data = {name: args.data_root / name for name in RECIPES}
    if args.ablation:
        configs = {path.stem: path for path in sorted((ROOT / 'configs/ablation').glob('*.py'))}
        unknown = set(args.only or ()) - set(configs)
        if unknown:
            raise ConfigError(f'--only {", ".join(sorted(unknown))}: configs/ablation has {", ".join(configs)}')
        chosen = [path for name, path in configs.items() if not args.only or name in args.only]
        return [Job(path, data['DRIVE'], seed, (('0.5', path, data['DRIVE'], ()),)) for seed in args.seeds for path in chosen]
    config = {name: Path(recipe) if recipe.endswith('.py') else ROOT / 'configs' / f'{recipe}.py' for name, recipe in RECIPES.items()}
    jobs = []
    for seed in args.seeds:
        for name in sets:
            tests = [(label, config[name], data[name], options) for label, options in CHOICES.items()]
            tests += [(f'on_{other}', config[name], data[other], ('--dataset', other)) for other in args.cross if other != name]
            jobs.append(Job(config[name], data[name], seed, tuple(tests)))
    return jobs


def carry_out(job: Job, args, gpu: str | None) -> list:
    """Train (or go on), test; returns the results files.  What a command says goes into a log file beside its output."""
    folder = args.work_dir / job.name
    folder.mkdir(parents=True, exist_ok=True)

    def run_tool(log: str, script: str, *arguments) -> None:
        call(job.name, folder / log, gpu, script, *arguments)

    print(f'{job.name}: training on {"the CPU" if gpu is None else f"GPU {gpu}"}, log in {folder / "train.log"}', flush=True)
    common = ('--weights', args.weights)
    done = folder / 'trained'  # holds the checkpoint's name; there only when the training is over
    if not done.is_file():
        arguments = (job.config, '--data-root', job.data, *common, '--work-dir', folder, '--seed', job.seed, '--resume')
        run_tool('train.log', 'train.py', *arguments)
        newest = (folder / 'last_checkpoint').read_text().strip()
        write_whole(done, lambda path: path.write_text(newest))
    results = []
    for label, config, data, options in job.tests:
        target = folder / f'test_{label}' / 'results.json'
        if not target.is_file():
            print(f'{job.name}: testing ({label})', flush=True)
            arguments = (config, done.read_text(), '--data-root', data, *common, '--work-dir', target.parent, *options)
            run_tool('test.log', 'test.py', *arguments)
        results.append(target)
    return results


def main():
    args = parse_args()
    jobs = jobs_of(args)
    count = gpus_to_use(args.gpus)
    table.with_table(
        args.readme, args.results, ROOT / 'configs'
    )  # that it can be written is known before the first training, which takes hours
    if not os.access(args.readme, os.W_OK):
        raise ConfigError(f'--readme {args.readme} cannot be written')
    for folder in (args.work_dir, args.results):
        folder.mkdir(parents=True, exist_ok=True)
    futures = share_out(jobs, lambda job, gpu: carry_out(job, args, gpu), count)
    failed = [str(future.exception()) for future in futures if future.exception()]
    for future in futures:
        try:
            for results in [] if future.exception() else future.result():
                table.add(results, args.results)
        except FundusError as error:
            failed.append(str(error))
    table.write_table(args.readme, args.results, ROOT / 'configs')
    if failed:
        raise ConfigError(f'{len(failed)} of {len(jobs)} trainings failed. ' + ' '.join(failed))
    print(f'{len(jobs)} trainings; table in {args.readme}')


if __name__ == '__main__':
    run(main)

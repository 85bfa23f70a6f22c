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
from pathlib import Path

from _setup import README, RESULTS, ROOT

from mmseg_fundus.cli.arguments import data_set_names
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.named_files import find_config

EVERY_CAMERA = ROOT / 'configs/contrast_unet.py'


def parse_args(words=None, prog=None):
    names = data_set_names('recipe')
    parser = argparse.ArgumentParser(prog=prog, description='Run the high-accuracy recipe on all data sets and write the table of results.')
    parser.add_argument('--weights', type=Path, metavar='FILE', help="the encoder's weights; not of a recipe that has no encoder")
    parser.add_argument('--data-root', required=True, type=Path, metavar='DIR', help=f'folder with {", ".join(names)}, or some of them')
    parser.add_argument('--sets', nargs='+', choices=names, metavar='SET', help='data sets to train on (default: all)')
    parser.add_argument(
        '--cross', nargs='+', default=[], choices=names, metavar='SET', help="test each training on these sets' test pictures too"
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
    parser.add_argument(
        '--results', type=Path, default=RESULTS, metavar='DIR', help=f'folder that results are added to (default: {RESULTS})'
    )
    parser.add_argument(
        '--readme',
        type=Path,
        default=README,
        metavar='FILE',
        help=f'file that the table is written into (default: {README or "none; it is printed"})',
    )
    args = parser.parse_args(words)
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
    if args.cameras:
        args.config = find_config(args.config)
    if args.weights and not args.weights.is_file():
        raise ConfigError(f'--weights {args.weights}: no such file')
    if args.ablation and (args.sets or args.cross):
        raise ConfigError('--ablation runs on DRIVE alone; leave --sets and --cross out')
    if args.only and not args.ablation:
        raise ConfigError('--only names configs of the ablation; add --ablation')


def main(words=None, prog=None):
    args = parse_args(words, prog)
    check(args)
    load()
    from _reproduction import reproduce

    reproduce(args)


if __name__ == '__main__':
    run(main)

"""Does an encoder help?  The same decoder is trained beside it, beside random weights of the same architecture, and without any.

Several seeds and few or all training pictures; scored on held-out training pictures, and on the training pictures of other sets.  Never on
test pictures.  Begun again, it goes on where it was stopped.

Example:
    python tools/probe_encoder.py --weights VFM_Fundus_weights.pth --data-root /data --work-dir work_dirs/probe
    python tools/probe_encoder.py --weights A.pth B.safetensors --data-root /data --other STARE=/data/STARE --work-dir work_dirs/probe
"""

import argparse
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.choices import COMPARED, CROPS
from mmseg_fundus.cli.arguments import data_set_names
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.named_files import find_config

ROOT = Path(__file__).resolve().parent.parent


def parse_args(words=None, prog=None):
    names = ', '.join(data_set_names())
    parser = argparse.ArgumentParser(prog=prog, description='Say whether encoders help to find vessels, with intervals.')
    parser.add_argument('--weights', nargs='+', required=True, type=Path, metavar='FILE', help='weights files of encoders')
    parser.add_argument('--data-root', required=True, type=Path, metavar='DIR', help="the data set's folder, or the one it lies in")
    parser.add_argument('--dataset', default='DRIVE', metavar='SET', help=f'set that trains: {names} (default: DRIVE)')
    parser.add_argument('--other', nargs='+', default=[], metavar='SET=DIR', help='score on the training pictures of other sets, too')
    parser.add_argument('--seeds', nargs='+', type=int, default=[1, 2, 3], metavar='N', help='seeds (default: 1 2 3)')
    parser.add_argument('--labels', nargs='+', metavar='N', help='training pictures: numbers, or all (default: 1 5 all)')
    parser.add_argument('--epochs', type=int, metavar='N', help=f'epochs of {CROPS} crops (default: 4)')
    parser.add_argument('--quick', action='store_true', help='minutes: all pictures alone, one epoch of half as many crops')
    parser.add_argument('--figure', default='Dice', choices=COMPARED, help='what is compared (default: Dice)')
    parser.add_argument('--work-dir', required=True, type=Path, metavar='DIR', help='output folder')
    parser.add_argument('--config', type=Path, default=ROOT / 'configs/probe/detail.py', metavar='FILE', help='what is trained')
    parser.add_argument('--gpus', type=int, metavar='N', help='GPUs to share the trainings (default: all there are; none: the CPU)')
    parser.add_argument('--dry-run', action='store_true', help='print the trainings and about how long they take')
    return parser.parse_args(words)


def check(args) -> None:
    """Refuse arguments that cannot be meant."""
    for file in args.weights:
        if not file.is_file():
            raise ConfigError(f'--weights {file}: no such file (random weights are compared with anyway)')
    if not args.data_root.is_dir():
        raise DataError(f'--data-root {args.data_root}: no such folder')
    args.config = find_config(args.config)
    for option, values in (('--seeds', args.seeds), ('--labels', args.labels or []), ('--weights', args.weights)):
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise ConfigError(f'{option}: {twice[0]} stands there twice; it would count twice')
    if min(args.seeds) < 0:
        raise ConfigError(f'--seeds {min(args.seeds)}: 0 or more was expected')
    for label in args.labels or []:
        if label != 'all' and not (label.isdecimal() and int(label) >= 1):
            raise ConfigError(f'--labels {label}: a number of 1 or more, or all, was expected')


def main(words=None, prog=None):
    args = parse_args(words, prog)
    check(args)
    load()
    from _probe import probe

    probe(args)


if __name__ == '__main__':
    run(main)

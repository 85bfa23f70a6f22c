"""Make what cannot be downloaded: synthetic fundus pictures, and a stand-in for VisionFM's weights file with random contents.

Example:
    python tools/make_standins.py --data data/synthetic --weights weights/standin_vitb16.pth
"""

import argparse
import tempfile
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Make synthetic pictures and a stand-in weights file.')
    parser.add_argument('--data', metavar='DIR', help='write pictures there')
    parser.add_argument('--layout', choices=['drive', 'fives'], default='drive', help='file names and folders (default: drive)')
    parser.add_argument('--training', type=int, default=20, help='training pictures (default: 20)')
    parser.add_argument('--test', type=int, default=20, help='test pictures (default: 20)')
    parser.add_argument('--size', type=int, default=256, help='height and width in pixels (default: 256)')
    parser.add_argument('--weights', metavar='FILE', help='write a ViT-B/16 stand-in there (about 345 MB)')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    if not args.data and not args.weights:
        raise ConfigError('nothing to make: give --data DIR, --weights FILE or both')
    load()
    from mmseg_fundus.datasets.synthetic import write_drive_layout, write_fives_layout
    from mmseg_fundus.models.encoders.standin import LABEL, write_standin

    if args.data:
        if args.size < 32 or min(args.training, args.test) < 0:
            raise ConfigError('--size must be 32 or more, --training and --test 0 or more')
        write = {'drive': write_drive_layout, 'fives': write_fives_layout}[args.layout]
        folder = Path(args.data)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', dir=folder.parent) as scratch:  # all of it or nothing
            made = write(folder if folder.exists() else Path(scratch) / 'set', args.training, args.test, args.size, args.seed)
            if made != folder:
                made.rename(folder)
        print(f'{folder.resolve()}: {args.training} training and {args.test} test pictures of {args.size}x{args.size}, synthetic')
    if args.weights:
        path = write_standin(Path(args.weights), args.seed)
        print(f'{path.resolve()}: {LABEL}')


if __name__ == '__main__':
    run(main)

"""Unpack a public data set's archives, as downloaded, and check them.

Example:
    python tools/unpack_dataset.py STARE stare-images.tar labels-ah.tar labels-vk.tar
    python tools/unpack_dataset.py DRIVE training.zip test.zip --out /data/DRIVE
"""

import argparse
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.cli.arguments import data_set_names
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import NothingThereError
from mmseg_fundus.named_files import find_archive


def parse_args(words=None, prog=None):
    names = data_set_names('rules')
    parser = argparse.ArgumentParser(prog=prog, description='Unpack a data set: files sorted by name, counted, decoded once.')
    parser.add_argument('dataset', choices=names, metavar='DATASET', help=', '.join(names))
    parser.add_argument('archives', nargs='+', metavar='ARCHIVE', help='zip or tar (gz, bz2, xz) files, all of the data set')
    parser.add_argument('--out', metavar='DIR', help='folder to make (default: data/<DATASET>)')
    return parser.parse_args(words)


def read_all(name: str, folder: Path) -> None:
    """Decode every picture, label and mask once."""
    from mmseg_fundus.datasets.by_name import dataset_by_name

    for split in ('trainval', 'test'):
        try:
            print(f'{len(dataset_by_name(name, folder, split=split)):5d}  pictures read, {split}')
        except NothingThereError:
            if split != 'test':
                raise
            print('the test pictures have no labels in these archives: for training and prediction only')


def main(words=None, prog=None):
    args = parse_args(words, prog)
    for archive in args.archives:
        find_archive(archive)
    load()
    from mmseg_fundus.datasets.unpacking import unpack

    folder = Path(args.out or f'data/{args.dataset}')
    for kind, count in unpack(args.dataset, args.archives, folder, check=lambda unpacked: read_all(args.dataset, unpacked)).items():
        print(f'{count:5d}  {kind}')
    print(f'{folder.absolute()} is ready')


if __name__ == '__main__':
    run(main)

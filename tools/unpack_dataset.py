"""Unpack a public data set's archives, as downloaded, and check them.

Example:
    python tools/unpack_dataset.py STARE stare-images.tar labels-ah.tar labels-vk.tar
    python tools/unpack_dataset.py DRIVE training.zip test.zip --out /data/DRIVE
"""

import argparse
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.datasets.by_name import dataset_by_name
from mmseg_fundus.datasets.unpacking import unpack, unpackable
from mmseg_fundus.engine.cli import run
from mmseg_fundus.errors import NothingThereError


def parse_args():
    parser = argparse.ArgumentParser(description='Unpack a data set: files sorted by name, counted, decoded once.')
    parser.add_argument('dataset', choices=list(unpackable()), metavar='DATASET', help=', '.join(unpackable()))
    parser.add_argument('archives', nargs='+', metavar='ARCHIVE', help='zip or tar (gz, bz2, xz) files, all of the data set')
    parser.add_argument('--out', metavar='DIR', help='folder to make (default: data/<DATASET>)')
    return parser.parse_args()


def read_all(name: str, folder: Path) -> None:
    """Decode every picture, label and mask once."""
    for split in ('trainval', 'test'):
        try:
            print(f'{len(dataset_by_name(name, folder, split=split)):5d}  pictures read, {split}')
        except NothingThereError:
            if split != 'test':
                raise
            print('the test pictures have no labels in these archives: for training and prediction only')


def main():
    args = parse_args()
    folder = Path(args.out or f'data/{args.dataset}')
    for kind, count in unpack(args.dataset, args.archives, folder, check=lambda unpacked: read_all(args.dataset, unpacked)).items():
        print(f'{count:5d}  {kind}')
    print(f'{folder.absolute()} is ready')


if __name__ == '__main__':
    run(main)

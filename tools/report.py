"""Write a page that shows a test: figures, curves, best and worst pictures, configuration; one HTML file, no network.

Example:
    python tools/report.py work_dirs/run
    python tools/report.py work_dirs/run/test/results.json -o run.html
"""

import argparse
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.choices import MOST_PICTURES
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError, printable
from mmseg_fundus.named_files import find_config, find_run


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Write a report of a test as one HTML page.')
    parser.add_argument('path', metavar='PATH', help='work folder of tools/train.py or test.py (the newest test in it), or a results.json')
    parser.add_argument('-o', '--out', metavar='FILE', help='where to write it (default: report.html beside the results)')
    parser.add_argument('--pictures', type=int, default=3, metavar='N', help='show the N best and the N worst pictures (default: 3)')
    parser.add_argument('--data-root', metavar='DIR', help='folder of the data set, if it is not where it was at the test')
    parser.add_argument('--config', metavar='FILE', help='config of the test, for a data set from outside the package; it is run')
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    if not 0 <= args.pictures <= MOST_PICTURES:
        raise ConfigError(f'--pictures {args.pictures}: 0 to {MOST_PICTURES} was expected')
    if args.config:
        args.config = find_config(args.config)
    find_run(args.path)
    load()
    from mmseg_fundus.fileio.whole_files import write_whole
    from mmseg_fundus.report import gather, make_page

    gathered = gather(args.path, args.pictures, args.data_root, args.config)
    out = Path(args.out) if args.out else gathered.folder / 'report.html'
    if out.is_dir():
        raise ConfigError(f'--out {out} is a folder; name a file')
    out.parent.mkdir(parents=True, exist_ok=True)
    page = make_page(gathered).encode('utf-8')
    write_whole(out, lambda temporary: temporary.write_bytes(page))
    first = f'{out} ({len(page) / 1e6:.1f} MB), of {gathered.results_path or gathered.training_folder}'
    for told in (first, gathered.problems, ' '.join(gathered.no_pictures or ()), *(picture.note for picture in gathered.pictures)):
        if told:
            print(printable(told))


if __name__ == '__main__':
    run(main)

"""Whether two trainings differ: figures of the same pictures side by side, with intervals.

Example:
    python tools/compare_results.py work_dirs/a/test work_dirs/b/test
    python tools/compare_results.py a/seed1 a/seed2 a/seed3 --with b/seed1 b/seed2 b/seed3   # the recipes, not the trainings
"""

import argparse
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError, DataError


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Compare two tests, or those of several seeds, picture by picture.')
    parser.add_argument('first', nargs='+', type=Path, metavar='RESULTS', help='results.json or its folder: two, or several --with others')
    parser.add_argument('--with', dest='second', nargs='+', type=Path, metavar='RESULTS', help='as many tests of the other recipe')
    parser.add_argument('--markdown', type=Path, metavar='FILE', help='write the table there too')
    args = parser.parse_args(words)
    if args.second is None:
        if len(args.first) != 2:
            parser.error(f'two tests were expected, got {len(args.first)}; of several seeds: A1 A2 A3 --with B1 B2 B3')
        args.first, args.second = args.first[:1], args.first[1:]
    return args


def found_at(path: Path) -> Path:
    """The file that is meant."""
    file = path / 'results.json' if path.is_dir() else path
    if not file.is_file():
        raise DataError(f'{file}: file not found; a results.json of tools/test.py or its folder was expected')
    return file


def main(words=None, prog=None):
    args = parse_args(words, prog)
    sides = [[found_at(path) for path in side] for side in (args.first, args.second)]
    same = {path.resolve() for path in sides[0]} & {path.resolve() for path in sides[1]}
    if same:
        raise ConfigError(f'{same.pop()} is named on both sides')
    if args.markdown and not args.markdown.absolute().parent.is_dir():
        raise ConfigError(f'{args.markdown.absolute().parent}: no such folder')
    load()
    from mmseg_fundus.fileio.whole_files import write_whole
    from mmseg_fundus.results.cells import method_of
    from mmseg_fundus.results.paired import compare, markdown
    from mmseg_fundus.results.table import load_for_table

    first, second = ([load_for_table(path) for path in side] for side in sides)
    page = markdown(compare(first, second), *(f'{method_of(side[0])} ({paths[0]})' for side, paths in zip((first, second), sides)))
    print(page)
    if args.markdown:
        write_whole(args.markdown, lambda path: path.write_text(page + '\n'))


if __name__ == '__main__':
    run(main)

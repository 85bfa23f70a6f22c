"""Write the results table of configs/README.md, and the short one of README.md, from the results.json files in configs/results.

Example:
    python tools/results_table.py --add work_dirs/run/test/results.json
"""

import argparse
import sys
from pathlib import Path

from _setup import README, RESULTS, ROOT

from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError

CONFIGS = ROOT / 'configs'


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Rebuild the table of results; a config without results is listed as not run.')
    parser.add_argument(
        '--results', type=Path, default=RESULTS, metavar='DIR', help=f'folder of results.json files, any names (default: {RESULTS})'
    )
    parser.add_argument(
        '--readme',
        type=Path,
        default=README,
        metavar='FILE',
        help=f'file to write the table into (default: {README or "none; it is printed"})',
    )
    parser.add_argument(
        '--add', type=Path, metavar='FILE', help='first take this results.json into the folder, without curves and paths of this machine'
    )
    parser.add_argument('--check', action='store_true', help='change nothing; exit status 1 if the table is not up to date')
    return parser.parse_args(words)


def summaries(results: Path) -> list:
    """Pages with a short table of the results of a folder: README.md, of those that are kept in the repository."""
    page = ROOT / 'README.md'
    return [page] if results.resolve() == CONFIGS / 'results' and page.is_file() else []


def main(words=None, prog=None):
    args = parse_args(words, prog)
    if args.check and not args.readme:
        raise ConfigError('--check compares the table with that of a file; name it with --readme FILE')
    load()
    from mmseg_fundus.results.metafile import metafile_of, write_metafile
    from mmseg_fundus.results.summary import with_summary, write_summary
    from mmseg_fundus.results.table import add, tables, with_table, write_table

    # before anything is added: what cannot be read is said first
    new = {args.readme: with_table(args.readme, args.results, CONFIGS)} if args.readme else {}
    new.update({page: with_summary(page, args.results) for page in summaries(args.results)})
    if args.check:
        for page, text in {**new, **dict(metafile_of(args.results, CONFIGS))}.items():
            if not page.is_file() or text != page.read_text():
                raise ConfigError(f'{page} is not what {args.results} says; run tools/results_table.py')
        return
    if args.add:
        add(args.add, args.results)
    if not args.readme:
        print(tables(args.results, CONFIGS))
        return
    count = write_table(args.readme, args.results, CONFIGS)
    write_metafile(args.results, CONFIGS)
    for page in summaries(args.results):
        write_summary(page, args.results)
    print(f'{args.readme}: {count} results', file=sys.stderr)


if __name__ == '__main__':
    run(main)

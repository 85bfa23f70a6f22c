"""Try what OpenMMLab's users are used to, for real, and write the table of what works and what is refused, with the line that says so.

Example:
    python tests/compatibility/run.py                      # all rows; exit status 1 if one fails
    python tests/compatibility/run.py --rows EMAHook IoUMetric
    python tests/compatibility/run.py --write              # all rows, kept as this environment's column of docs/compatibility.md
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[i]) for i in (2, 1)]
sys.path.insert(0, str(Path(__file__).resolve().parent))

import rows  # noqa: E402, F401 (registers them)
from columns import store, write_page  # noqa: E402
from habits import ROWS, judge  # noqa: E402
from trial import Shared  # noqa: E402


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rows', nargs='+', metavar='NAME', default=[''], help='rows whose name or kind holds one of these (all)')
    parser.add_argument('--write', action='store_true', help="keep the verdicts as this environment's column, and write the page")
    parser.add_argument('--list', action='store_true', help='print the names of the rows and stop')
    parser.add_argument('--jobs', type=int, default=2, metavar='N', help='rows at a time (default: 2)')
    parser.add_argument('--seconds', type=float, default=240, metavar='S', help='that a row may take (default: 240)')
    return parser.parse_args()


def main():
    args = parse_args()
    chosen = [row for row in ROWS.values() if any(part.lower() in f'{row.name} {row.kind}'.lower() for part in args.rows)]
    if args.list:
        print('\n'.join(f'{row.kind}: {row.name}' for row in chosen))
        return
    with tempfile.TemporaryDirectory(prefix='compatibility-') as scratch:
        shared = Shared(Path(scratch))
        with ThreadPoolExecutor(args.jobs) as pool:
            verdicts = []
            for verdict in pool.map(lambda row: judge(row, shared, args.seconds), chosen):
                verdicts.append(verdict)
                print(f'{verdict.verdict:<8} {verdict.seconds:5.1f} s  {verdict.name}{": " * bool(verdict.line)}{verdict.line}', flush=True)
        shared.close()
    failed = [verdict for verdict in verdicts if verdict.verdict == 'FAILS']
    print(f'{len(verdicts)} rows, {len(failed)} fail')
    if args.write and not failed:
        store(verdicts)
        write_page()
    elif args.write:
        print('nothing was written: a table with rows that fail is not kept')
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()

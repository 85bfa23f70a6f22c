"""Try faults and spoilt files for real and write the table of what was lost; other seeds are other moments, bytes and files.

Example:
    python tests/faults/run.py --seed 7 --times 3 --cases 5000 --out docs/faults.md
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[i]) for i in (2, 1)]

import torch  # noqa: E402
from fuzz import KINDS, fuzz  # noqa: E402
from page import write_page  # noqa: E402
from scenarios import SCENARIOS, attempt  # noqa: E402

ABOUT = (
    'Each attempt is a training of a tiny model on synthetic pictures that really runs into the fault, at a moment that the seed decides. '
    'As promised: it ends with one line that says what to do (or goes on), every checkpoint that was there is there and whole, nothing '
    'half written is left, and `--resume` goes on.'
)
HEAD = ['| fault | attempts | as promised | lost |', '|---|---|---|---|']
SPOILT_HEAD = [
    'Whole files with a few changed, cut, repeated or edge-valued bytes (for half of the checkpoints inside the pickle, with right '
    'checksums); each must be refused with an error of ours or read, within 20 seconds.',
    '',
    '| files | spoilt | refused | read | other errors, crashes, hangs |',
    '|---|---|---|---|---|',
]


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--seed', type=int, default=0, help='of moments, bytes and files (default: 0)')
    parser.add_argument('--times', type=int, default=1, metavar='N', help='attempts of each fault (default: 1; of quick ones 50 as many)')
    parser.add_argument('--cases', type=int, default=1000, metavar='N', help='spoilt files of each kind (default: 1000)')
    parser.add_argument('--only', nargs='+', metavar='NAME', choices=[scenario.__name__ for scenario in SCENARIOS], help='these faults')
    parser.add_argument('--out', type=Path, metavar='FILE', help='write the table there (Markdown)')
    return parser.parse_args()


def main():
    args = parse_args()
    torch.set_num_threads(1)
    scratch = Path(tempfile.mkdtemp(prefix='faults-'))
    rows, failures = [], []
    for scenario, (what, often) in SCENARIOS.items():
        if args.only and scenario.__name__ not in args.only:
            continue
        start, times = time.monotonic(), often * args.times
        failed = [attempt(scenario, scratch / f'{scenario.__name__}-{i}', args.seed + i) for i in range(times)]
        failed = [failure for failure in failed if failure]
        failures += failed
        rows.append(f'| {what} | {times} | {times - len(failed)} | {"nothing" if not failed else "see below"} |')
        print(rows[-1], f'{time.monotonic() - start:.0f} s', flush=True)
    spoilt = []
    for kind in KINDS:
        found = fuzz(kind, args.cases, args.seed, scratch / kind.replace(' ', '_'))
        failures += found['failures']
        spoilt.append(f'| {kind} | {args.cases} | {found["refused"]} | {found["read"]} | {len(found["failures"])} |')
        print(spoilt[-1], flush=True)
    if args.out:
        lost = ['', *(f'- {failure[:1000]}' for failure in failures)] if failures else []
        write_page(args.out, 'Faults tried', ABOUT, [*HEAD, *rows, '', *SPOILT_HEAD, *spoilt, *lost])
    print('\n'.join(failures) or 'nothing was lost')
    sys.exit(bool(failures))


if __name__ == '__main__':
    main()

"""Time, memory and checkpoint sizes, side by side with stock mmsegmentation parts, on random weights and pictures.

Example:
    python tools/benchmark.py --cases step inference --out benchmark.json
    python tools/benchmark.py --peers DRIVE CHASE_DB1 --markdown peers.md   # a photograph by what people would pick instead
"""

import argparse
import json
import tempfile
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.choices import PEER_SETS, UNITS
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Compare with stock mmsegmentation parts (on two CPU cores some 10 minutes).')
    parser.add_argument('--cases', nargs='+', choices=list(UNITS), help='what to measure (default: all)')
    parser.add_argument(
        '--peers',
        nargs='*',
        choices=PEER_SETS,
        metavar='SET',
        help=f"instead: one photograph of each set's size ({', '.join(PEER_SETS)}; default: all) by what people would pick instead",
    )
    parser.add_argument('--size', type=int, metavar='N', help='height and width of training views (default: 224)')
    parser.add_argument('--batch', type=int, metavar='N', help='pictures in a step (default: 4)')
    parser.add_argument('--rounds', type=int, metavar='N', help='timed calls of each (default: 7; of peers 3)')
    parser.add_argument('--out', type=Path, metavar='FILE', help='write the figures there as JSON')
    parser.add_argument('--markdown', type=Path, metavar='FILE', help='write the tables there')
    args = parser.parse_args(words)
    if args.peers is not None and (args.cases or args.size or args.batch):
        parser.error('--peers predicts photographs as they are; leave --cases, --size and --batch out')
    args.cases = args.cases or list(UNITS)
    for name, value in dict(size=224, batch=4, rounds=7 if args.peers is None else 3).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def main(words=None, prog=None):
    args = parse_args(words, prog)
    if min(args.size, args.batch, args.rounds) < 1:
        raise ConfigError('--size, --batch and --rounds must be 1 or more')
    for path in (args.out, args.markdown):
        if path and not path.absolute().parent.is_dir():
            raise ConfigError(f'{path.absolute().parent}: no such folder')
    load()
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope

    from mmseg_fundus.benchmark import CASES, machine, markdown
    from mmseg_fundus.benchmark.peers import peers, peers_markdown
    from mmseg_fundus.fileio.whole_files import write_whole

    init_default_scope('mmseg')
    MMLogger.get_instance('mmseg_fundus', log_level='WARNING')
    report = dict(machine=machine(), rounds=args.rounds)
    if args.peers is not None:
        report['peers'] = peers(args.peers or PEER_SETS, rounds=args.rounds)
        page = peers_markdown(report)
    else:
        report.update(size=args.size, batch=args.batch, cases={})
        with tempfile.TemporaryDirectory() as folder:
            for name in args.cases:
                measure, unit = CASES[name]
                report['cases'][name] = dict(unit=unit, values=measure(Path(folder), args.size, args.batch, args.rounds))
        page = markdown(report)
    print(page)
    if args.out:
        write_whole(args.out, lambda path: path.write_text(json.dumps(report, indent=1) + '\n'))
    if args.markdown:
        write_whole(args.markdown, lambda path: path.write_text(page))


if __name__ == '__main__':
    run(main)

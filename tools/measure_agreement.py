"""Which measures of predicted masks can be trusted: their agreement with those of the labels, and the second observer's.

Example:
    python tools/measure_agreement.py vessels/mask DRIVE --data-root /data/DRIVE
"""

import argparse
import json
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.cli.arguments import data_set_names
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.named_files import find_config, find_predictions


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Compare measures of predicted vessels with those of the labels.')
    parser.add_argument('predictions', metavar='PRED_DIR', help='folder of masks or probability maps, named like the pictures')
    parser.add_argument('dataset', metavar='DATASET', help=f'{", ".join(data_set_names())}; a folder that holds one; or a config file')
    parser.add_argument('--data-root', metavar='DIR', help='folder of the data set (default: data/<name>)')
    parser.add_argument('--split', choices=['train', 'val', 'trainval', 'test', 'all'], help="pictures (default: test, or the config's)")
    parser.add_argument('--threshold', type=float, default=0.5, metavar='P', help='vessel above this probability (default: 0.5)')
    parser.add_argument('--name', help='name of the method in the table (default: name of PRED_DIR)')
    parser.add_argument('--out', metavar='FILE', type=Path, help='write the agreement, and all measures, there as JSON')
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    if not 0 <= args.threshold < 1:
        raise ConfigError(f'--threshold {args.threshold}: 0 or more, and less than 1 was expected')
    if args.out and (args.out.exists() or not args.out.absolute().parent.is_dir()):
        reason = 'is there already; choose another name' if args.out.exists() else 'lies in no folder that there is'
        raise ConfigError(f'--out {args.out} {reason}')
    find_predictions(args.predictions)
    if args.dataset.endswith('.py'):
        args.dataset = str(find_config(args.dataset))
    load()
    from mmseg_fundus.datasets.by_name import dataset_by_observer, public_name
    from mmseg_fundus.evaluation.measured import measured_files, measured_second_observer
    from mmseg_fundus.fileio.whole_files import write_whole
    from mmseg_fundus.measurement.agreement import agreement_table, agreements
    from mmseg_fundus.results import without_nan

    dataset_of = dataset_by_observer(args.dataset, args.data_root, split=args.split)
    dataset = dataset_of()
    names, predicted, labelled = measured_files(dataset, args.predictions, args.threshold)
    ways = {args.name or Path(args.predictions).resolve().name: predicted}
    second = measured_second_observer(dataset_of) if getattr(dataset, 'observer', None) == 'first' else None
    if second:
        ways['second observer'] = second
    found = {way: agreements(rows, labelled) for way, rows in ways.items()}
    print(f'{len(names)} pictures of {public_name(type(dataset))}, inside the field of view\n\n{agreement_table(found)}')
    if args.out:
        record = dict(
            agreement={way: {name: {**one._asdict(), 'grade': one.grade} for name, one in of.items()} for way, of in found.items()},
            measures={'label': dict(zip(names, labelled)), **{way: dict(zip(names, rows)) for way, rows in ways.items()}},
        )
        write_whole(args.out, lambda path: path.write_text(json.dumps(without_nan(record), indent=2) + '\n'))


if __name__ == '__main__':
    run(main)

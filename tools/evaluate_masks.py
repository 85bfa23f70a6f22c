"""Score anybody's vessel masks or probability maps, at native resolution, with the figures of tools/test.py.

Example:
    python tools/evaluate_masks.py predictions/lwnet DRIVE --data-root /data/DRIVE
    python tools/evaluate_masks.py /data/DRIVE/test/2nd_manual DRIVE --data-root /data/DRIVE
"""

import argparse
import time
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.cli.arguments import data_set_names
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.named_files import find_config, find_predictions


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Score vessel masks or probability maps: PNG, TIFF, GIF, npy, npz.')
    parser.add_argument(
        'predictions', metavar='PRED_DIR', help='folder; a file of each picture, named like it (01_test.png, 01_manual2.gif)'
    )
    parser.add_argument('dataset', metavar='DATASET', help=f'{", ".join(data_set_names())}; a folder that holds one; or a config file')
    parser.add_argument('--data-root', metavar='DIR', help='folder of the data set (default: data/<name>)')
    parser.add_argument('--split', choices=['train', 'val', 'trainval', 'test', 'all'], help="pictures (default: test, or the config's)")
    parser.add_argument('--fov', choices=['auto', 'found', 'none'], help='field of view: shipped or found, found, the whole frame')
    parser.add_argument('--threshold', type=float, default=0.5, metavar='P', help='vessel above this probability (default: 0.5)')
    parser.add_argument('--name', help='name of the method in the table (default: name of PRED_DIR)')
    parser.add_argument('--out', metavar='DIR', help='write results.json and per_picture.csv there')
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    if not 0 <= args.threshold < 1:
        raise ConfigError(f'--threshold {args.threshold}: 0 or more, and less than 1 was expected')
    if args.out and Path(args.out).exists() and not Path(args.out).is_dir():
        raise ConfigError(f'--out {args.out} is a file; name a folder')
    find_predictions(args.predictions)
    if args.dataset.endswith('.py'):
        args.dataset = str(find_config(args.dataset))
    load()
    from mmseg_fundus.datasets.by_name import dataset_by_name, public_name
    from mmseg_fundus.datasets.truth import picture_name
    from mmseg_fundus.evaluation.agreement import agreement_table, expected_line
    from mmseg_fundus.evaluation.mask_files import match_predictions, score_files
    from mmseg_fundus.evaluation.report import FOV, FRAME, figures_table, report_rows
    from mmseg_fundus.evaluation.scores import told_left_out
    from mmseg_fundus.evaluation.second_observer import SECOND, score_second_observer
    from mmseg_fundus.evaluation.topology import topology_line
    from mmseg_fundus.fileio.checksum import file_sha256
    from mmseg_fundus.results import DataSet, Prediction, Report, Results, described
    from mmseg_fundus.results.provenance import git_state, versions

    asked = {name: value for name, value in dict(split=args.split, fov=args.fov).items() if value is not None}
    usual = {} if args.dataset.endswith('.py') else dict(split='test')
    dataset = dataset_by_name(args.dataset, args.data_root, verify=False, **{**usual, **asked})
    files = match_predictions(args.predictions, [picture_name(dataset.get_data_info(i)) for i in range(len(dataset))])
    report = score_files(dataset, files, args.threshold)
    name = args.name or Path(args.predictions).resolve().name
    reports = {name: report}
    try:
        second = score_second_observer(dataset)
    except DataError as error:
        print(f'the second observer is left out: {error}')
        second = None
    if second:
        reports[SECOND] = second
    rows = {row: figures for method, scored in reports.items() for row, figures in report_rows(scored, method).items()}
    split = f' ({dataset.split})' if hasattr(dataset, 'split') else ''
    print(figures_table(rows, f'{len(dataset)} pictures of {public_name(type(dataset))}{split}, field of view, pooled'))
    for method, scored in reports.items():
        print(f'{method}: {topology_line(scored[FOV]["topology"])}')
        if scored[FOV]['left_out']:
            print(f'{method}: {told_left_out(scored[FOV]["left_out"], len(dataset))}')
    print(agreement_table({method: scored[FOV].get('agreement') or {} for method, scored in reports.items()}))
    expected = expected_line(report[FOV].get('expected') or {})
    if expected:
        print(expected)
    if args.out:
        folder = Path(args.out)
        folder.mkdir(parents=True, exist_ok=True)
        results = Results(
            phase='masks',
            method=name,
            metrics=report[FOV]['pooled'],
            report=Report.of(report),
            second_observer=Report.of({area: second[area] for area in (FOV, FRAME)}) if second else None,
            prediction=Prediction(folder=str(Path(args.predictions).resolve()), threshold=args.threshold),
            data=DataSet.of(described(dataset)),
            files=dataset.files() if hasattr(dataset, 'files') else None,
            prediction_files={file.name: file_sha256(file)[:16] for file in map(Path, files)},
            versions=versions(),
            git=git_state(),
            time=time.strftime('%Y-%m-%dT%H:%M:%S'),
        )
        results.save(folder)
        print(f'{folder}/results.json, {folder}/per_picture.csv')


if __name__ == '__main__':
    run(main)

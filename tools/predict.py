"""Vessel maps of photographs: masks, probabilities, overlays, measurements.

Example:
    python tools/predict.py eyes/ -o vessels                     # the model that comes with the package; no weights file
    python tools/predict.py eyes/ more/*.jpg -o vessels --model configs/setr_mla_vitb16_frozen_detail.py run/epoch_44.pth
"""

import argparse
import sys
from itertools import takewhile
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.choices import ENGINES, FORMATS, OUTPUTS
from mmseg_fundus.cli.arguments import add_common_arguments, add_tta_arguments, tta_spelled_out
from mmseg_fundus.cli.files import SUFFIXES, check_files
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError, DataError, printable
from mmseg_fundus.fileio.pictures import find_photographs
from mmseg_fundus.zoo import bundled, bundled_names


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Predict the vessels of photographs.')
    parser.add_argument('inputs', nargs='*', metavar='INPUT', help='photographs, folders of them, patterns')
    parser.add_argument('-o', '--out', required=True, type=Path, metavar='DIR', help='folder for the predictions')
    parser.add_argument(
        '--model',
        nargs='+',
        metavar='WORD',
        help=f'one that comes with the package ({", ".join(bundled_names())}), or a config and its checkpoints: short for the next two',
    )
    parser.add_argument(
        '--config',
        help='config file that the checkpoint was trained with (default, with --checkpoint: the model that comes with the package)',
    )
    parser.add_argument('--checkpoint', nargs='+', help='checkpoint file; several are averaged, as one ensemble')
    parser.add_argument(
        '--save',
        nargs='+',
        choices=OUTPUTS,
        help='what to write (default: all but segments, a table of every vessel; uncertainty needs several checkpoints; index is a page)',
    )
    parser.add_argument(
        '--probability-format', choices=FORMATS, default='png', help='of probability and uncertainty: 16-bit PNG or npz (default: png)'
    )
    parser.add_argument(
        '--threshold', type=float, metavar='P', help="probability above which a pixel is vessel (default: the checkpoint's)"
    )
    add_tta_arguments(parser)
    parser.add_argument('--batch', type=int, metavar='N', help="windows at a time (default: the config's)")
    parser.add_argument('--device', help="'cpu', 'cuda', 'cuda:1' (default: a GPU where there is one)")
    parser.add_argument(
        '--engine',
        choices=ENGINES,
        default='torch',
        help='what computes the network: torch, or onnxruntime, on the CPU: faster without bfloat16 (default: torch)',
    )
    parser.add_argument('--whole-frame', action='store_true', help='take the whole frame as field of view instead of finding it')
    parser.add_argument('--field-angle', type=float, metavar='DEG', help='degrees that the photographs show (default: 45)')
    parser.add_argument('--um-per-pixel', type=float, metavar='UM', help='micrometres to a pixel, for the measurements')
    parser.add_argument('--per-degree', action='store_true', help='measurements in degrees of the eye, which --field-angle says')
    parser.add_argument('--overwrite', action='store_true', help='predict again what is there')
    add_common_arguments(parser, launcher=False, loops=False)
    args = parser.parse_args(tta_spelled_out(sys.argv[1:] if words is None else words))
    if args.per_degree and args.um_per_pixel is not None:
        parser.error('--per-degree and --um-per-pixel: lengths have one unit; leave one out')
    if args.model and (args.config or args.checkpoint):
        parser.error('--model says what --config and --checkpoint say; leave them out')
    taken = args.model or args.checkpoint or []
    if not args.inputs and taken:  # --checkpoint FILE INPUT ..., of which argparse takes all for checkpoints
        first, *rest = taken
        more = list(takewhile(lambda word: Path(word).suffix in SUFFIXES, rest))
        taken, args.inputs = [first, *more], rest[len(more) :]
        args.model, args.checkpoint = (taken, None) if args.model else (None, taken)
    if args.model:
        args.config, *args.checkpoint = args.model if args.model[1:] else map(str, bundled(args.model[0]))
    args.bundled = not args.checkpoint or bool(args.model and not args.model[1:])
    if not args.inputs:
        parser.error('the following arguments are required: INPUT')
    return args


def main(words=None, prog=None):
    args = parse_args(words, prog)
    photographs = find_photographs(args.inputs, leave_out=args.out)
    check_files(args)
    load()
    from mmseg_fundus.apis import FundusVesselInferencer, PredictionFolder
    from mmseg_fundus.apis.folder import default_outputs
    from mmseg_fundus.apis.many import predict_all
    from mmseg_fundus.engine.options import common_options

    infer = FundusVesselInferencer(
        args.config,
        args.checkpoint,
        weights=args.weights,
        device=args.device,
        tta=args.tta,
        threshold=args.threshold,
        window_batch=args.batch,
        field_angle=args.field_angle,
        micrometres_per_pixel=args.um_per_pixel,
        per_degree=args.per_degree,
        options=common_options(args),
        engine=args.engine,
    )
    save = args.save or default_outputs(infer.members)
    if 'uncertainty' in save and infer.members == 1:
        raise ConfigError(
            '--save uncertainty: it is how much several networks differ, and this is one; give --checkpoint two files or more'
        )
    settings = {**infer.settings, 'field_of_view': 'whole frame' if args.whole_frame else 'found', 'um_per_pixel': args.um_per_pixel}
    out = PredictionFolder(args.out, save, args.probability_format, settings, args.overwrite)
    predicted, errors = predict_all(infer, photographs, out, None if args.whole_frame else 'auto')
    failed = {photographs[path]: reason if str(path) in reason else f'{path}: {reason}' for path, reason in errors.items()}
    names = out.pictures(photographs.values(), failed)
    out.write_table(names, infer.agreement)
    index = out.write_index(names, failed, 'the one that comes with the package' if args.bundled else '', infer.agreement)
    there = len(photographs) - predicted - len(errors)
    print(f'{predicted} predicted, {there} were there already, {len(errors)} failed: {", ".join(save)} in {args.out.resolve()}')
    told = [f'{name} ({words})' for name, words in out.flagged(names).items()]
    if told:
        more = f' and {len(told) - 5} more' if told[5:] else ''
        print(f'{len(told)} flagged, see measurements.csv: {printable(", ".join(told[:5]))}{more}')
    if index:
        print(f'look at {index.resolve()}')
    if errors:
        for reason in failed.values():
            print(f'failed: {printable(reason)}', file=sys.stderr)
        raise DataError(f'{len(errors)} of {len(photographs)} photographs could not be predicted; they are named above')


if __name__ == '__main__':
    run(main)

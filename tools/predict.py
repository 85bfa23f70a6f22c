"""Vessel maps of photographs: masks, probabilities, overlays, measurements.

Example:
    python tools/predict.py eyes/ -o vessels                     # the model that comes with the package; no weights file
    python tools/predict.py eyes/ more/*.jpg -o vessels --config configs/setr_mla_vitb16_frozen_detail.py --checkpoint run/epoch_44.pth
"""

import argparse
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, takewhile
from pathlib import Path

import _setup  # noqa: F401
from mmengine.utils import ProgressBar

from mmseg_fundus.apis import FundusVesselInferencer, PredictionFolder, find_photographs
from mmseg_fundus.apis.folder import FORMATS, OUTPUTS
from mmseg_fundus.datasets.photograph import read_photograph
from mmseg_fundus.engine.cli import add_common_arguments, add_tta_arguments, common_options, known_checkpoint, run, tta_spelled_out
from mmseg_fundus.errors import ConfigError, DataError, printable

CHECKPOINTS = ('.pth', '.pt', '.ckpt', '.safetensors')
AHEAD = 2  # photographs that are read while one is predicted, and predictions that wait to be written


def parse_args():
    parser = argparse.ArgumentParser(description='Predict the vessels of photographs.')
    parser.add_argument('inputs', nargs='*', metavar='INPUT', help='photographs, folders of them, patterns')
    parser.add_argument('-o', '--out', required=True, type=Path, metavar='DIR', help='folder for the predictions')
    parser.add_argument(
        '--config',
        help='config file that the checkpoint was trained with (default, with --checkpoint: the model that comes with the package)',
    )
    parser.add_argument('--checkpoint', nargs='+', help='checkpoint file; several are averaged, as one ensemble')
    parser.add_argument(
        '--save',
        nargs='+',
        choices=OUTPUTS,
        default=['mask', 'probability', 'overlay'],
        help='what to write (default: mask probability overlay; uncertainty needs several checkpoints)',
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
    parser.add_argument('--whole-frame', action='store_true', help='take the whole frame as field of view instead of finding it')
    parser.add_argument('--field-angle', type=float, metavar='DEG', help='degrees that the photographs show (default: 45)')
    parser.add_argument('--um-per-pixel', type=float, metavar='UM', help='micrometres to a pixel, for the measurements')
    parser.add_argument('--overwrite', action='store_true', help='predict again what is there')
    add_common_arguments(parser, launcher=False, loops=False)
    args = parser.parse_args(tta_spelled_out(sys.argv[1:]))
    if not args.inputs and args.checkpoint:  # --checkpoint FILE INPUT ..., of which argparse takes all for checkpoints
        first, *rest = args.checkpoint
        more = list(takewhile(lambda word: Path(word).suffix in CHECKPOINTS, rest))
        args.checkpoint, args.inputs = [first, *more], rest[len(more) :]
    if not args.inputs:
        parser.error('the following arguments are required: INPUT')
    return args


def read(path: Path):
    """A photograph, or the error that is to be told at the end."""
    try:
        return read_photograph(path)
    except (DataError, MemoryError) as error:
        return error


def predict_all(infer, photographs: dict, out: PredictionFolder, fov) -> tuple:
    """Predict what is not done; returns how many were, and the errors of those that could not be, by file."""
    waiting = {path: name for path, name in photographs.items() if not out.is_done(name)}
    errors, written = {}, deque()
    bar = ProgressBar(len(waiting), file=sys.stderr) if waiting else None
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        paths = iter(waiting)
        pictures = deque((path, reader.submit(read, path)) for path in islice(paths, AHEAD))
        while pictures:
            path, picture = pictures.popleft()
            picture = picture.result()
            pictures.extend((path, reader.submit(read, path)) for path in islice(paths, 1))
            try:
                if isinstance(picture, Exception):
                    raise picture
                prediction = infer.predict(picture, fov, path.name)
                written.append(writer.submit(out.write, waiting[path], prediction))
            except (DataError, MemoryError) as error:
                errors[path] = str(error) or 'not enough memory'
            while len(written) > AHEAD:
                written.popleft().result()
            bar.update()
        for future in written:
            future.result()
    if bar:
        print(file=sys.stderr)
    return len(waiting) - len(errors), errors


def main():
    args = parse_args()
    photographs = find_photographs(args.inputs, leave_out=args.out)
    infer = FundusVesselInferencer(
        args.config,
        [known_checkpoint(path) for path in args.checkpoint] if args.checkpoint else None,
        weights=args.weights,
        device=args.device,
        tta=args.tta,
        threshold=args.threshold,
        window_batch=args.batch,
        field_angle=args.field_angle,
        micrometres_per_pixel=args.um_per_pixel,
        options=common_options(args),
    )
    if 'uncertainty' in args.save and infer.members == 1:
        raise ConfigError(
            '--save uncertainty: it is how much several networks differ, and this is one; give --checkpoint two files or more'
        )
    settings = {**infer.settings, 'field_of_view': 'whole frame' if args.whole_frame else 'found', 'um_per_pixel': args.um_per_pixel}
    out = PredictionFolder(args.out, args.save, args.probability_format, settings, args.overwrite)
    predicted, errors = predict_all(infer, photographs, out, None if args.whole_frame else 'auto')
    out.write_table(photographs.values())
    there = len(photographs) - predicted - len(errors)
    print(f'{predicted} predicted, {there} were there already, {len(errors)} failed: {", ".join(args.save)} in {args.out.resolve()}')
    if errors:
        for path, reason in errors.items():
            print('failed: ' + printable(reason if str(path) in reason else f'{path}: {reason}'), file=sys.stderr)
        raise DataError(f'{len(errors)} of {len(photographs)} photographs could not be predicted; they are named above')


if __name__ == '__main__':
    run(main)

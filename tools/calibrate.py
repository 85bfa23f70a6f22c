"""Calibrate a checkpoint: probabilities that mean what they say, and the threshold that goes with them, chosen on held-out pictures.

Scale and shift of the log odds are fitted on the scores of tests of the same recipe, each on a data set that its training never saw (the
left-out cameras of tools/reproduce.py --leave-one-out, say). Each test counts alike. They go into the last layer of a new file, with the
threshold; predict.py, test.py and the inferencer use it as any other checkpoint.

Example:
    python tools/calibrate.py run/epoch_32.pth run/calibrated.pth --on left_out_STARE/results.json left_out_HRF/results.json
"""

import argparse
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.cli.files import check_files
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import CheckpointError


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Fit scale and shift of the log odds, and the threshold, on held-out pictures.')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', type=Path, help='file to write, .pth or .safetensors')
    parser.add_argument(
        '--on', nargs='+', required=True, type=Path, metavar='FILE', help='results.json of tests on pictures that their training never saw'
    )
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    check_files(args)
    load()
    from mmseg_fundus.engine.calibration import scores_of
    from mmseg_fundus.evaluation import recalibrate
    from mmseg_fundus.models.calibrated import calibrated
    from mmseg_fundus.models.checkpoints import read_trained, write_checkpoint

    found = read_trained(args.checkpoint)
    if args.out.exists():
        raise CheckpointError(f'{args.out} exists; nothing was changed. Choose another name')
    on, counts = scores_of(args.on)
    fitted = recalibrate(counts)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_checkpoint(args.out, calibrated(found, fitted, on, args.checkpoint))
    print(
        f'{args.out}: log odds times {fitted.scale:.3f}, {fitted.shift:+.3f}; threshold {fitted.threshold:.2f}; over {len(on)} tests '
        f'mean Dice {fitted.dice:.4f}, calibration error {fitted.error_before:.4f} before and {fitted.error_after:.4f} after'
    )


if __name__ == '__main__':
    run(main)

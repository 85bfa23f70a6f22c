"""Write a trained model as one ONNX file, encoder and all, that runs without this package; it is checked against PyTorch.

Example:
    python tools/export.py configs/setr_mla_vitb16_frozen_detail.py work_dirs/run/epoch_44.pth vessels.onnx
    python examples/onnx_predict.py vessels.onnx eye.jpg
"""

import argparse
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.choices import OPSET
from mmseg_fundus.cli.arguments import add_common_arguments
from mmseg_fundus.cli.files import check_files
from mmseg_fundus.cli.run import load, run


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Export a vessel segmentation model to ONNX and check it against PyTorch.')
    parser.add_argument('config', help='config file the checkpoint was trained with')
    parser.add_argument('checkpoint', nargs='+', help='checkpoint file; several are averaged, as one ensemble')
    parser.add_argument('out', type=Path, help='file to write, e.g. vessels.onnx')
    parser.add_argument('--opset', type=int, default=OPSET, metavar='N', help=f"version of ONNX's operators (default: {OPSET})")
    parser.add_argument('--threshold', type=float, metavar='P', help="threshold to put into the file (default: the checkpoint's)")
    add_common_arguments(parser, launcher=False, loops=False)
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    check_files(args)
    load()
    from mmseg_fundus.apis import FundusVesselInferencer
    from mmseg_fundus.engine.options import common_options
    from mmseg_fundus.export import TOLERANCE, check_possible, export_onnx

    check_possible(args.out)
    infer = FundusVesselInferencer(
        args.config,
        args.checkpoint,
        weights=args.weights,
        device='cpu',
        threshold=args.threshold,
        options=common_options(args),
    )
    origin = {key: infer.settings[key] for key in ('checkpoint', 'decoder_sha256')}
    facts = dict(config=Path(args.config).name, threshold=infer.threshold, **origin)
    differences = export_onnx(infer.model, args.out, args.opset, facts)
    print(f'largest differences from PyTorch (in probability below {TOLERANCE:.0e}):')
    for difference in differences:
        print(f'  {difference}')
    print(f'{args.out}: {args.out.stat().st_size / 2**20:.1f} MB')


if __name__ == '__main__':
    run(main)

"""Make the pictures of docs/gallery.md: what a model finds in synthetic photographs.

Example:
    bash tools/quickstart.sh
    python tools/make_gallery.py configs/quickstart.py work_dirs/quickstart/best_*.pth
"""

import argparse
from pathlib import Path

from _setup import CHECKOUT, ROOT

from mmseg_fundus.cli.arguments import add_common_arguments
from mmseg_fundus.cli.files import check_files
from mmseg_fundus.cli.run import load, run

FOLDER = ROOT / 'docs/gallery' if CHECKOUT else Path('gallery')


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Draw synthetic photographs with what a model finds in them.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', type=Path, default=FOLDER, metavar='DIR', help=f'folder (default: {FOLDER})')
    parser.add_argument('--seeds', type=int, nargs='+', default=[9001, 9002], metavar='N', help='of the photographs (default: 9001 9002)')
    parser.add_argument('--size', type=int, default=320, help='height and width in pixels (default: 320)')
    add_common_arguments(parser, launcher=False, loops=False)
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    check_files(args)
    load()
    from PIL import Image

    from mmseg_fundus.apis import FundusVesselInferencer
    from mmseg_fundus.datasets.synthetic import synthetic_fundus
    from mmseg_fundus.engine.options import common_options
    from mmseg_fundus.fileio.whole_files import write_whole

    infer = FundusVesselInferencer(args.config, args.checkpoint, weights=args.weights, device='cpu', options=common_options(args))
    args.out.mkdir(parents=True, exist_ok=True)
    for seed in args.seeds:
        picture, label, fov = synthetic_fundus(seed, args.size)
        eye = infer(picture, fov=fov)
        drawn = {'labelled': eye.draw(label > 0), 'predicted': eye.draw()}
        for kind, image in drawn.items():
            path = args.out / f'{kind}_{seed}.jpg'
            write_whole(path, lambda temporary, image=image: Image.fromarray(image).save(temporary, 'JPEG', quality=85))
            print(f'{path}: {path.stat().st_size / 1000:.0f} kB')


if __name__ == '__main__':
    run(main)

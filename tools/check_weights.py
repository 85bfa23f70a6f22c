"""Show what is in an encoder weights file and whether it fits, without training.

Example:
    python tools/check_weights.py VFM_Fundus_weights.pth
"""

import argparse

import _setup  # noqa: F401
from mmengine.config import DictAction

from mmseg_fundus.engine.cli import run
from mmseg_fundus.errors import WeightsError
from mmseg_fundus.fileio.safe_load import plain
from mmseg_fundus.models.backbones import FrozenVisionTransformer
from mmseg_fundus.models.encoders.fit import match
from mmseg_fundus.models.encoders.vit import describe, expected_shapes
from mmseg_fundus.models.encoders.weights import load_encoder, read_encoder


def parse_args():
    parser = argparse.ArgumentParser(description='Check an encoder weights file against a ViT.')
    parser.add_argument('file', help='weights file')
    parser.add_argument('--checkpoint-key', default='teacher', choices=['teacher', 'student'], help='branch to read (default: teacher)')
    parser.add_argument('--arch', default='base', help="mmpretrain's name of the encoder (default: base)")
    parser.add_argument('--arch-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='embed_dims=... num_layers=... instead')
    parser.add_argument('--patch-size', type=int, default=16, help='pixels (default: 16)')
    parser.add_argument('--pretrain-size', type=int, default=224, help='pixels (default: 224)')
    parser.add_argument('--allow-unsafe', action='store_true', help='unpickle without restrictions: runs code in the file')
    parser.add_argument('--all', action='store_true', help='list every tensor, not only those that do not fit')
    return parser.parse_args()


def expected_of(args) -> dict:
    arch = {'num_heads': 1, **args.arch_options} if args.arch_options else args.arch  # the number of heads changes no tensor
    settings = FrozenVisionTransformer.sizes(arch)
    sizes = [settings[name] for name in ('embed_dims', 'num_layers', 'feedforward_channels')]
    return expected_shapes(*sizes, args.patch_size, (args.pretrain_size // args.patch_size) ** 2 + 1)


def main():
    args = parse_args()
    expected = expected_of(args)
    found = read_encoder(args.file, args.checkpoint_key, args.allow_unsafe)
    result = match(found.tensors, expected)

    rows = [(name, expected[name], tuple(found.tensors[name].shape), 'fits') for name in result.fits] if args.all else []
    rows += [(name, want, shape, 'SHAPE') for name, shape, want in result.misshaped]
    rows += [(name, expected[name], '-', 'MISSING') for name in result.missing]
    rows += [(name, '-', tuple(found.tensors[name].shape), 'UNEXPECTED') for name in result.unexpected]
    width = max([len(plain(row[0])) for row in rows], default=0)
    for name, want, shape, verdict in rows:
        print(f'{verdict:<11} {plain(name):<{width}}  expected {want!s:<18} found {shape}')

    print(f'file        {plain(found.path, 1000)}')
    print(f'layout      {found.layout}')
    print(f'encoder     {describe({name: tuple(tensor.shape) for name, tensor in found.tensors.items()})}')
    print(f'expected    {describe(expected)}')
    print(f'dropped     {len(found.dropped)} (head, mask token)')
    if not result.complete:
        raise WeightsError(
            f'{found.path} does not fit: {len(result.fits)}/{len(expected)} encoder tensors fit, {len(result.missing)} missing, '
            f'{len(result.unexpected)} unexpected, {len(result.misshaped)} of another shape (listed above)'
        )
    found = load_encoder(args.file, expected, args.checkpoint_key, args.allow_unsafe)
    for note in found.notes:
        print(f'note        {note}')
    print(f'SHA-256     {found.sha256}')
    print(f'OK          {len(result.fits)}/{len(expected)} encoder tensors')


if __name__ == '__main__':
    run(main)

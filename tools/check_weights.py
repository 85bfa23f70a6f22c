"""Show what is in an encoder weights file and whether it fits, without training.

Example:
    python tools/check_weights.py VFM_Fundus_weights.pth
"""

import argparse
import re
from collections import Counter

import _setup  # noqa: F401

from mmseg_fundus.cli.arguments import add_key_values
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import WeightsError, plain
from mmseg_fundus.families import FAMILIES
from mmseg_fundus.named_files import find_weights

SIZES = ('arch', 'arch_options', 'patch_size', 'pretrain_size')  # one of them given: the file is compared with that


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Say what an encoder weights file is, and whether it fits.')
    parser.add_argument('file', help='weights file')
    parser.add_argument('--checkpoint-key', default='teacher', choices=['teacher', 'student'], help='branch to read (default: teacher)')
    parser.add_argument('--family', choices=FAMILIES, metavar='NAME', help=f'in place of the one its keys tell: {", ".join(FAMILIES)}')
    parser.add_argument('--arch', help="compare with mmpretrain's ViT of this name (default: what the file itself seems to be)")
    add_key_values(parser, '--arch-options', 'embed_dims=... num_layers=... instead')
    parser.add_argument('--patch-size', type=int, help='pixels, beside --arch (default: 16)')
    parser.add_argument('--pretrain-size', type=int, help='pixels, beside --arch (default: 224)')
    parser.add_argument('--allow-unsafe', action='store_true', help='unpickle without restrictions: runs code in the file')
    parser.add_argument('--all', action='store_true', help='list every tensor, not only those that do not fit')
    return parser.parse_args(words)


def is_asked(args) -> bool:
    return any(getattr(args, name) is not None for name in SIZES)


def expected_of(args, found) -> dict:
    from mmseg_fundus.engine.options import key_values
    from mmseg_fundus.models.backbones import FrozenVisionTransformer
    from mmseg_fundus.models.encoders.vit import expected_shapes

    if is_asked(args):
        options = key_values(args.arch_options)
        arch = {'num_heads': 1, **options} if options else args.arch or 'base'  # the number of heads changes no tensor
        settings = FrozenVisionTransformer.sizes(arch)
        sizes = [settings[name] for name in ('embed_dims', 'num_layers', 'feedforward_channels')]
        patch = args.patch_size or 16
        return expected_shapes(*sizes, patch, ((args.pretrain_size or 224) // patch) ** 2 + 1)
    if found.architecture is None:
        return expected_shapes(768, 12, 3072, 16, 197)
    return found.architecture.expected()


def groups(names) -> str:
    """Names with their number, those that differ in numbers alone together: ``decoder_blocks.*.attn.qkv.weight (8)``."""
    counted = Counter(re.sub(r'\d+', '*', plain(name)) if re.search(r'\.\d+\.', name) else plain(name) for name in names)
    return ', '.join(name if number == 1 else f'{name} ({number})' for name, number in counted.items())


def print_family(found) -> None:
    family, architecture = FAMILIES.get(found.family), found.architecture
    print(f'family      {found.family}{f": {family.title}, {family.about}" if family else ""}')
    if found.also:
        print(f'same keys   {", ".join(found.also)}; if it is of one of these: --family NAME')
    if architecture:
        print(
            f'built as    {architecture.name} of timm {architecture.options}{", or plain ViT of mmpretrain" if architecture.plain else ""}'
        )
        print(f'heads       {architecture.heads} of {architecture.width // architecture.heads} channels')
    if found.normalisation:
        mean, std = (tuple(round(value, 4) for value in part) for part in found.normalisation)
        print(f'mean, std   {mean}, {std}')
    else:
        print('mean, std   not known: set model.data_preprocessor=dict(mean=..., std=...), or name the family: --family NAME')
    print(f'size        {f"{found.native_size} x {found.native_size} pixels" if found.native_size else "not known"}')
    print(f'licence     {found.licence}')


def config_lines(args, found) -> str:
    more = {'key': args.checkpoint_key} if args.checkpoint_key != 'teacher' else {}
    more |= {'family': args.family} if args.family else {}
    more |= {'allow_unsafe': True} if args.allow_unsafe else {}
    weights = f'dict(file={args.file!r}{"".join(f", {name}={value!r}" for name, value in more.items())})' if more else repr(args.file)
    return f"model = dict(backbone=dict(_delete_=True, type='FoundationEncoder', weights={weights}))"


def main(words=None, prog=None):
    args = parse_args(words, prog)
    find_weights(args.file)
    load()
    from mmseg_fundus.models.encoders.fit import match
    from mmseg_fundus.models.encoders.vit import describe
    from mmseg_fundus.models.encoders.weights import FileOfFamily, load_encoder, read_encoder

    file = FileOfFamily(args.file, args.family) if args.family else args.file
    found = read_encoder(file, args.checkpoint_key, args.allow_unsafe)
    expected = expected_of(args, found)
    result = match(found.tensors, expected)

    rows = [(name, expected[name], tuple(found.tensors[name].shape), 'fits') for name in result.fits] if args.all else []
    rows += [(name, want, shape, 'SHAPE') for name, shape, want in result.misshaped]
    rows += [(name, expected[name], '-', 'MISSING') for name in result.missing]
    rows += [(name, '-', tuple(found.tensors[name].shape), 'UNEXPECTED') for name in result.unexpected]
    width = max([len(plain(row[0])) for row in rows], default=0)
    for name, want, shape, verdict in rows:
        print(f'{verdict:<11} {plain(name):<{width}}  expected {want!s:<18} found {shape}')

    print(f'file        {plain(found.path, 1000)}')
    print_family(found)
    print(f'layout      {found.layout}')
    print(f'encoder     {describe({name: tuple(tensor.shape) for name, tensor in found.tensors.items()})}')
    print(f'expected    {describe(expected)}')
    print(f'dropped     {len(found.dropped)}{f": {groups(found.dropped)}" if found.dropped else ""}')
    if not result.complete:
        raise WeightsError(
            f'{found.path} does not fit: {len(result.fits)}/{len(expected)} encoder tensors fit, {len(result.missing)} missing, '
            f'{len(result.unexpected)} unexpected, {len(result.misshaped)} of another shape (listed above)'
        )
    found = load_encoder(file, expected if is_asked(args) else None, args.checkpoint_key, args.allow_unsafe)
    for note in found.notes:
        print(f'note        {note}')
    print(f'SHA-256     {found.sha256}')
    print(f'OK          {len(result.fits)}/{len(expected)} encoder tensors')
    print(f'config      {config_lines(args, found)}')


if __name__ == '__main__':
    run(main)

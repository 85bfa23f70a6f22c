"""Make a full, self-contained checkpoint: decoder and encoder in one file that needs no weights file beside it.

An adapter in the encoder (``adapt=...``) is merged into its weights.  Several checkpoints of one config become one ensemble, which
every tool takes as it takes a single one.

Example:
    python tools/export_checkpoint.py configs/setr_mla_vitb16_frozen_drive.py work_dirs/run/best_Dice_epoch_90.pth vessels.pth
    python tools/export_checkpoint.py configs/setr_mla_vitb16_frozen_drive.py work_dirs/run/best_Dice_epoch_90.pth vessels.safetensors
    python tools/export_checkpoint.py configs/contrast_unet.py seed0/epoch_60.pth seed1/epoch_60.pth seed2/epoch_60.pth three.safetensors
"""

import argparse
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.cli.arguments import add_common_arguments
from mmseg_fundus.cli.files import check_files
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import CheckpointError
from mmseg_fundus.named_files import find_checkpoint


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(
        prog=prog, description='Write a checkpoint that holds the encoder too; use it with --weights from_checkpoint.'
    )
    parser.add_argument('config', help='config file the checkpoint was trained with')
    parser.add_argument('checkpoint', nargs='+', help='checkpoint file; several become one ensemble')
    parser.add_argument('out', type=Path, help='file to write: .pth, or .safetensors (tensors and texts alone, read by much else)')
    add_common_arguments(parser, launcher=False, loops=False)
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    if args.out.exists():
        raise CheckpointError(f'{args.out} exists; nothing was changed. Choose another name')
    check_files(args, find_checkpoint)
    load()
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    from mmseg_fundus.engine.config import load_config
    from mmseg_fundus.engine.encoder_config import encoder_config, options_without_file
    from mmseg_fundus.engine.ensemble import read_model, use_members
    from mmseg_fundus.engine.options import common_options
    from mmseg_fundus.engine.whereabouts import settle_files
    from mmseg_fundus.models.checkpoints import write_checkpoint
    from mmseg_fundus.models.encoders.adapt import merge_adapters

    options = common_options(args)
    cfg = load_config(args.config, options, weights=args.weights)
    found = read_model(args.checkpoint)
    use_members(cfg, found, args.checkpoint[0])
    settle_files(cfg, args.checkpoint[0], args.weights, options=options)
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model)
    model.load_state_dict(found['state_dict'])
    merged = merge_adapters(model)
    origin = [str(Path(path).absolute()) for path in args.checkpoint]
    meta = {**found.get('meta', {}), 'exported_from': origin[0] if len(origin) == 1 else origin}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    left_out = write_checkpoint(args.out, {'meta': meta, 'state_dict': model.state_dict()})
    before = sum(Path(path).stat().st_size for path in args.checkpoint) / 2**20
    hint, encoder = '', encoder_config(cfg)
    if encoder is not None:
        needed = options_without_file(encoder, model.backbone) + (['model.backbone.adapt=None'] if merged else [])
        hint = ' '.join(['; use it with --weights from_checkpoint', *(['--cfg-options'] if needed else []), *needed])
    if merged:
        hint += f': the adapter of {merged} layers is merged into their weights'
    if left_out:
        print(f'left out of meta, JSON cannot hold them: {", ".join(left_out)}')
    print(f'{args.out}: {args.out.stat().st_size / 2**20:.1f} MB (before: {before:.1f} MB){hint}')


if __name__ == '__main__':
    run(main)

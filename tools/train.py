"""Train a model from a config file.

Example:
    python tools/train.py configs/setr_mla_vitb16_frozen_drive.py --data-root /data/DRIVE --weights VFM_Fundus_weights.pth
"""

import argparse

import _setup  # noqa: F401

from mmseg_fundus.cli.arguments import add_common_arguments
from mmseg_fundus.cli.files import check_files
from mmseg_fundus.cli.run import load, run


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Train a vessel segmentation model.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='PATH',
        help='continue from the latest whole checkpoint of the output folder, or from PATH (without this option the config decides)',
    )
    parser.add_argument('--batch-size', type=int, metavar='N', help='pictures per process and step')
    parser.add_argument('--accumulate', type=int, metavar='N', help='steps whose gradients are added up before the weights change')
    parser.add_argument('--epochs', type=int, metavar='N', help='epochs; the learning rate schedule follows, also of a resumed training')
    parser.add_argument('--lr', type=float, metavar='RATE', help='learning rate at the peak of its schedule, also of a resumed training')
    parser.add_argument('--seed', type=int, metavar='N', help='random seed')
    parser.add_argument('--amp', action='store_true', help='mixed precision: bf16 where the machine has it, else fp16 with loss scaling')
    add_common_arguments(parser)
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    check_files(args)
    load()
    from mmseg_fundus.engine.config import check_loaders, load_config
    from mmseg_fundus.engine.distributed import prepare_launcher
    from mmseg_fundus.engine.inputs import check_inputs
    from mmseg_fundus.engine.iterations import follow_iterations
    from mmseg_fundus.engine.options import common_options
    from mmseg_fundus.engine.resume import ResumingRunner
    from mmseg_fundus.engine.training_options import apply_training_options, choose_checkpoint
    from mmseg_fundus.engine.whereabouts import settle_files

    splits, options = ('train', 'val'), common_options(args)
    cfg = load_config(args.config, options, args.work_dir, args.data_root, args.weights, splits)
    check_loaders(cfg, ('train',))
    apply_training_options(cfg, args.batch_size, args.accumulate, args.epochs, args.lr, args.seed, args.amp)
    follow_iterations(cfg)
    choose_checkpoint(cfg, args.resume, args.seed)
    settle_files(cfg, cfg.get('load_from'), args.weights, args.data_root, options, splits if cfg.get('resume') else ())
    check_inputs(cfg, splits)
    prepare_launcher(cfg, args.launcher)
    ResumingRunner.from_cfg(cfg).train()


if __name__ == '__main__':
    run(main)

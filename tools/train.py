"""Train a model from a config file.

Example:
    python tools/train.py configs/setr_mla_vitb16_frozen_drive.py --data-root /data/DRIVE --weights VFM_Fundus_weights.pth
"""

import argparse

import _setup  # noqa: F401
from mmengine.runner import Runner

from mmseg_fundus.engine.cli import add_common_arguments, common_options, known_checkpoint, run
from mmseg_fundus.engine.config import load_config
from mmseg_fundus.engine.distributed import prepare_launcher
from mmseg_fundus.errors import ConfigError


def parse_args():
    parser = argparse.ArgumentParser(description='Train a vessel segmentation model.')
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='PATH',
        help='continue from the latest checkpoint of the output folder, or from PATH (without this option the config decides)',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision (needs a GPU)')
    add_common_arguments(parser)
    return parser.parse_args()


def enable_amp(cfg) -> None:
    import torch

    if not torch.cuda.is_available():
        raise ConfigError('--amp needs a GPU, none was found; leave it out')
    if cfg.optim_wrapper.type not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise ConfigError(f'--amp works with optim_wrapper.type OptimWrapper, the config has {cfg.optim_wrapper.type}')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def main():
    args = parse_args()
    cfg = load_config(args.config, common_options(args), args.work_dir, args.data_root, args.weights)
    if args.amp:
        enable_amp(cfg)
    if args.resume:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else known_checkpoint(args.resume)
    prepare_launcher(cfg, args.launcher)
    Runner.from_cfg(cfg).train()


if __name__ == '__main__':
    run(main)

"""Evaluate a checkpoint on the test pictures of a config.

Example:
    python tools/test.py configs/setr_mla_vitb16_frozen_drive.py work_dirs/run/epoch_100.pth --show-dir overlays
"""

import argparse
from pathlib import Path

import _setup  # noqa: F401
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmseg_fundus.datasets import PUBLIC
from mmseg_fundus.engine.cli import add_common_arguments, common_options, known_checkpoint, run
from mmseg_fundus.engine.config import check_loaders, load_config, use_dataset
from mmseg_fundus.engine.distributed import prepare_launcher
from mmseg_fundus.engine.inputs import check_inputs
from mmseg_fundus.engine.threshold import choose_threshold, store_threshold, threshold_dataset

TRAINING = (
    *('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'),
    *('val_dataloader', 'val_cfg', 'val_evaluator'),
)


def parse_args():
    parser = argparse.ArgumentParser(description='Evaluate a vessel segmentation model.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--dataset',
        metavar='NAME',
        help=f"test pictures of another data set ({', '.join(PUBLIC)}, or a registered class), with the config's model and prediction",
    )
    parser.add_argument('--out', metavar='DIR', help='folder for the predicted masks, black and white PNG (default: masks in the work dir)')
    parser.add_argument('--show', action='store_true', help='show every picture in a window')
    parser.add_argument('--show-dir', metavar='DIR', help='write an overlay of every picture below DIR')
    parser.add_argument('--wait-time', type=float, default=2, metavar='S', help='seconds a window stays (default: 2)')
    parser.add_argument('--tta', action='store_true', help='average the probabilities of all eight flips and quarter turns')
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument('--threshold', type=float, metavar='P', help='probability above which a pixel is vessel (default: 0.5)')
    chosen.add_argument(
        '--choose-threshold',
        nargs='?',
        const='val',
        choices=['train', 'val', 'trainval'],
        help='first choose the threshold with the best pooled Dice on these training pictures (default: the held-out ones, val)',
    )
    parser.add_argument(
        '--store-threshold', action='store_true', help='keep the chosen threshold in the checkpoint file, for tools/predict.py'
    )
    add_common_arguments(parser)
    args = parser.parse_args()
    if args.store_threshold and not args.choose_threshold:
        parser.error('--store-threshold keeps what --choose-threshold chooses; give both')
    return args


def main():
    args = parse_args()
    cfg = load_config(args.config, common_options(args), args.work_dir, None if args.dataset else args.data_root, args.weights)
    check_loaders(cfg, ('test',))
    if args.dataset:
        use_dataset(cfg, args.dataset, args.data_root)
    cfg.load_from = known_checkpoint(args.checkpoint)
    cfg.resume = False
    chosen_on = threshold_dataset(cfg, args.choose_threshold) if args.choose_threshold else None
    for name in TRAINING:  # the test loop alone is built: training pictures are neither needed nor looked for
        cfg[name] = None
    if args.show or args.show_dir:
        cfg.default_hooks.visualization.update(draw=True, show=args.show, wait_time=args.wait_time)
        if args.show_dir:
            cfg.visualizer.save_dir = args.show_dir
    if args.tta:
        cfg.model.test_cfg.tta = True
    if args.threshold is not None:
        cfg.model.test_cfg.threshold = args.threshold
    check_inputs(cfg, ('test',))
    if args.out:
        cfg.test_evaluator.output_dir = args.out
    elif isinstance(cfg.test_evaluator, dict) and cfg.test_evaluator.type == 'VesselMetric':
        cfg.test_evaluator.setdefault('output_dir', str(Path(cfg.work_dir) / 'masks'))  # where tools/report.py finds them
    prepare_launcher(cfg, args.launcher)
    runner = Runner.from_cfg(cfg)
    if chosen_on:
        choose_threshold(runner, chosen_on)
        if args.store_threshold and is_main_process():
            store_threshold(args.checkpoint, runner.threshold_chosen_on)
    runner.test()


if __name__ == '__main__':
    run(main)

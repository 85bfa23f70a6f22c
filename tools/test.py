"""Evaluate a checkpoint on the test pictures of a config.

Example:
    python tools/test.py configs/setr_mla_vitb16_frozen_drive.py work_dirs/run/epoch_100.pth --show-dir overlays
    python tools/test.py configs/contrast_unet.py seed0/epoch_60.pth seed1/epoch_60.pth seed2/epoch_60.pth --work-dir together
"""

import argparse
import sys

import _setup  # noqa: F401

from mmseg_fundus.cli.arguments import add_common_arguments, add_tta_arguments, data_set_names, tta_spelled_out
from mmseg_fundus.cli.files import check_files
from mmseg_fundus.cli.run import load, run


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description='Evaluate a vessel segmentation model.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', nargs='+', help='checkpoint file; several are averaged, as one ensemble')
    parser.add_argument(
        '--dataset',
        metavar='NAME',
        help=f'test pictures of another data set ({", ".join(data_set_names())}, or a registered class), as the config predicts',
    )
    parser.add_argument('--out', metavar='DIR', help='folder for the predicted masks, black and white PNG (default: masks in the work dir)')
    parser.add_argument('--show', action='store_true', help='show every picture in a window')
    parser.add_argument('--show-dir', metavar='DIR', help='write an overlay of every picture into DIR')
    parser.add_argument('--wait-time', type=float, default=2, metavar='S', help='seconds a window stays (default: 2)')
    add_tta_arguments(parser)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        '--threshold',
        type=float,
        metavar='P',
        help="probability above which a pixel is vessel (default: the checkpoint's, or else the config's, 0.5)",
    )
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
    parser.add_argument(
        '--store-agreement',
        action='store_true',
        help='keep which measures agree with those of the labels in the checkpoint file: tools/predict.py tells it beside its measurements',
    )
    add_common_arguments(parser)
    args = parser.parse_args(tta_spelled_out(sys.argv[1:] if words is None else words))
    if args.store_threshold and not args.choose_threshold:
        parser.error('--store-threshold keeps what --choose-threshold chooses; give both')
    return args


def main(words=None, prog=None):
    args = parse_args(words, prog)
    check_files(args)
    load()
    from mmengine.dist import is_main_process

    from mmseg_fundus.engine.agreement import store_agreement
    from mmseg_fundus.engine.config import check_loaders, check_prediction_options, load_config, use_dataset
    from mmseg_fundus.engine.console import ConsoleRunner
    from mmseg_fundus.engine.distributed import prepare_launcher
    from mmseg_fundus.engine.ensemble import one_file, use_members
    from mmseg_fundus.engine.evaluation_options import check_measured, draw_overlays, leave_out_training, write_masks
    from mmseg_fundus.engine.inputs import check_inputs
    from mmseg_fundus.engine.options import common_options
    from mmseg_fundus.engine.progress_hook import shown_test
    from mmseg_fundus.engine.threshold import choose_threshold, store_threshold, threshold_dataset, use_stored_threshold
    from mmseg_fundus.engine.whereabouts import settle_files
    from mmseg_fundus.models.checkpoints import load_from_local

    splits = ('test', 'val') if args.choose_threshold else ('test',)
    options = common_options(args)
    cfg = load_config(args.config, options, args.work_dir, None if args.dataset else args.data_root, args.weights, splits)
    check_loaders(cfg, ('test',))
    if args.dataset:
        use_dataset(cfg, args.dataset, args.data_root)
    cfg.load_from = one_file(args.checkpoint, cfg.work_dir)
    use_members(cfg, load_from_local(cfg.load_from), cfg.load_from)
    cfg.resume = False
    settle_files(cfg, cfg.load_from, args.weights, args.data_root, options, splits)
    chosen_on = threshold_dataset(cfg, args.choose_threshold) if args.choose_threshold else None
    leave_out_training(cfg)
    if args.store_agreement:
        check_measured(cfg)
    if args.show or args.show_dir:
        draw_overlays(cfg, args.show, args.show_dir, args.wait_time)
    given = {'--tta': args.tta is not None, '--threshold': args.threshold is not None, '--choose-threshold': args.choose_threshold}
    check_prediction_options(cfg, given)
    if args.tta is not None:
        cfg.model.test_cfg.tta = args.tta
    if args.threshold is not None:
        cfg.model.test_cfg.threshold = args.threshold
    asked = args.threshold is not None or args.choose_threshold or 'model.test_cfg.threshold' in options
    stored = None if asked else use_stored_threshold(cfg)
    check_inputs(cfg, ('test',))
    write_masks(cfg, args.out)
    prepare_launcher(cfg, args.launcher)
    runner = ConsoleRunner.from_cfg(cfg)
    runner.threshold_chosen_on = stored
    if chosen_on:
        choose_threshold(runner, chosen_on)
        if args.store_threshold and is_main_process():
            store_threshold(cfg.load_from, runner.threshold_chosen_on)
    with shown_test(runner):
        runner.test()
    if args.store_agreement and is_main_process():
        store_agreement(cfg.load_from, runner)


if __name__ == '__main__':
    run(main)

"""Fill the feature cache of a config ahead of its training: all views and validation pictures through the frozen encoder, once.

Example:
    python tools/cache_features.py configs/setr_mla_vitb16_frozen_native.py --data-root /data/DRIVE --weights VFM_Fundus_weights.pth
"""

import argparse

import _setup  # noqa: F401

from mmseg_fundus.cli.arguments import add_common_arguments
from mmseg_fundus.cli.files import check_files
from mmseg_fundus.cli.run import load, run
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.named_files import known_checkpoint


def parse_args(words=None, prog=None):
    parser = argparse.ArgumentParser(prog=prog, description="Compute a frozen encoder's maps of all views of a training before it starts.")
    parser.add_argument('config', help='config file')
    parser.add_argument('--batch-size', type=int, default=8, metavar='N', help='views at a time (default: 8)')
    parser.add_argument('--epochs', type=int, metavar='N', help="epochs of the training, if not the config's")
    add_common_arguments(parser, launcher=False)
    return parser.parse_args(words)


def main(words=None, prog=None):
    args = parse_args(words, prog)
    if args.batch_size < 1:
        raise ConfigError(f'--batch-size {args.batch_size}: 1 or more was expected')
    check_files(args)
    load()
    import torch
    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner, load_checkpoint, set_random_seed
    from mmseg.registry import HOOKS, MODELS

    from mmseg_fundus.engine.config import check_loaders, load_config
    from mmseg_fundus.engine.inputs import check_inputs
    from mmseg_fundus.engine.options import common_options
    from mmseg_fundus.engine.training_options import epochs_asked
    from mmseg_fundus.engine.whereabouts import settle_files
    from mmseg_fundus.progress import bar

    options = common_options(args)
    cfg = load_config(args.config, options, args.work_dir, args.data_root, args.weights, ('train', 'val'))
    check_loaders(cfg, ('train',))
    settle_files(cfg, cfg.get('load_from'), args.weights, options=options)
    check_inputs(cfg, ('train', 'val'))
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    settings = (cfg.get('default_hooks') or {}).get('feature_cache')
    if not settings:
        raise ConfigError(f'{args.config} has no default_hooks.feature_cache')
    seed = cfg.get('randomness', {}).get('seed')
    set_random_seed(seed)
    model = MODELS.build(cfg.model).to('cuda' if torch.cuda.is_available() else 'cpu').eval()
    if cfg.get('load_from'):
        load_checkpoint(model, known_checkpoint(cfg.load_from), map_location='cpu')
    train_loader = Runner.build_dataloader(cfg.train_dataloader, seed=seed)
    val_loader = Runner.build_dataloader(cfg.val_dataloader, seed=seed) if cfg.get('val_dataloader') else None
    epochs = epochs_asked(args.epochs) or (cfg.get('train_cfg') or {}).get('max_epochs')
    if not HOOKS.build(settings).connect(model, train_loader, val_loader, epochs):
        raise ConfigError('nothing to fill: the line above says why this training keeps no maps')
    computed = fill(model, train_loader, epochs, args.batch_size)
    if model.encoder.windows is not None:
        with bar('validation pictures', len(val_loader)) as shown, torch.no_grad():
            for batch in val_loader:
                model.val_step(batch)
                shown.step()
    print(f'{computed} views computed, the others were there')


def fill(model, loader, epochs, batch_size: int) -> int:
    """Compute the maps that are missing of all views; returns how many those were."""
    import torch
    from mmengine.dataset import pseudo_collate
    from torch.utils.data import DataLoader

    from mmseg_fundus.progress import bar

    views, computed = loader.sampler.different_views(epochs), 0
    batches = DataLoader(loader.dataset, batch_size, sampler=views, num_workers=loader.num_workers, collate_fn=pseudo_collate)
    with bar('views', len(views)) as progress, torch.no_grad():
        for batch in batches:
            shown = [sample.get('shown') for sample in batch['data_samples']]
            missing = [i for i, key in enumerate(shown) if key and key.maps is None]
            computed += len(missing)
            if missing:
                chosen = {name: [values[i] for i in missing] for name, values in batch.items()}
                data = model.data_preprocessor(chosen, training=True)
                model.encode(data['inputs'], [shown[i] for i in missing])
            progress.step(len(shown))
    return computed


if __name__ == '__main__':
    run(main)

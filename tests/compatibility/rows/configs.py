"""Ways of writing configs."""

import json

from habits import row
from tiny import ROOT
from trial import Trial, same, true

KIND = 'Configs'


@row(KIND, "_base_ = 'mmseg::...' for the model, our data")
def stock_base(trial: Trial):
    """mmsegmentation's FCN-UNet with our data set trains; nothing is installed on the way."""
    ours = ROOT / 'configs' / '_base_'
    bases = [str(ours / name) for name in ('datasets/fives.py', 'schedules/adam_cosine_100e.py')]
    loader = "dict(num_workers=0, persistent_workers=False, dataset=dict(type='DRIVEVesselDataset', data_root={!r}{}))"
    norm = "norm_cfg=dict(type='BN')"
    lines = [
        f'_base_ = {["mmseg::_base_/models/fcn_unet_s5-d16.py", *bases]!r}',
        f"model = dict(type='VesselSegmentor', data_preprocessor=dict(size=(64, 64)), backbone=dict(base_channels=4, {norm}),",
        f'    decode_head=dict(in_channels=4, channels=4, {norm}), auxiliary_head=dict(in_channels=8, channels=4, {norm}),',
        "    test_cfg=dict(_delete_=True, mode='whole', size=(64, 64)))",
        'train_dataloader = ' + loader.format(str(trial.data), ', augmentation=dict(size=(64, 64))'),
        *(f'{name}_dataloader = ' + loader.format(str(trial.data), '') for name in ('val', 'test')),
        'train_cfg = dict(max_epochs=2)\ndefault_hooks = dict(checkpoint=dict(interval=1))',
        f'work_dir = {str(trial.work)!r}',
    ]
    (trial.folder / 'tiny.py').write_text('\n'.join(lines))
    trial.tool('train', trial.folder / 'tiny.py')
    same(trial.checkpoint()['meta']['epoch'], 2, 'epochs')
    true(any(name.startswith('auxiliary_head.') for name in trial.checkpoint()['state_dict']), 'the auxiliary head is missing')


@row(KIND, 'Pure Python config: read_base, classes as type')
def pure_python(trial: Trial):
    """Trains two epochs and tests; a class as `type` is understood in model, data set, hook and metric."""
    text = f'from mmengine.config import Config\nprint(Config.fromfile({str(trial.config())!r}).pretty_text)'
    base = trial.python(text).out
    start = min(
        base.index(line) for line in base.splitlines(keepends=True) if line.startswith(('custom_hooks', 'auto_scale', 'custom_imports'))
    )
    (trial.folder / 'base_config.py').write_text(base[start:])
    (trial.folder / 'tiny.py').write_text(
        'from mmengine.config import read_base\n\n'
        'with read_base():\n    from .base_config import *\n\n'
        'from mmengine.hooks import EMAHook\n'
        'from mmseg_fundus.datasets import DRIVEVesselDataset\n'
        'from mmseg_fundus.evaluation import VesselMetric\n'
        'from mmseg_fundus.models import FrozenVisionTransformer, VesselSegmentor\n\n'
        'model.update(type=VesselSegmentor)\nmodel.backbone.update(type=FrozenVisionTransformer)\n'
        'train_dataloader.dataset.update(type=DRIVEVesselDataset)\n'
        'test_evaluator = dict(type=VesselMetric)\ncustom_hooks.append(dict(type=EMAHook))\n'
    )
    trial.tool('train', trial.folder / 'tiny.py')
    true('ema_state_dict' in trial.checkpoint(), 'the hook that was named by its class is missing')
    trial.test()
    same(len(trial.results['report']['pictures']), 3, 'pictures of the test')


@row(KIND, 'The config that a training dumps into its work folder, trained again')
def dumped(trial: Trial):
    """It trains with the same losses."""
    trial.train()
    losses = trial.scalars('val/loss')
    trial.tool('train', trial.work / 'tiny.py', '--work-dir', trial.folder / 'again')
    trial.work = trial.folder / 'again'
    same(trial.scalars('val/loss'), losses, 'validation losses')


@row(KIND, 'A config as JSON')
def as_json(trial: Trial):
    """`Config.dump('tiny.json')` trains."""
    code = f'from mmengine.config import Config\nConfig.fromfile({str(trial.config())!r}).dump("dumped.json")'
    trial.python(code)
    json.loads((trial.folder / 'dumped.json').read_text())
    trial.tool('train', trial.folder / 'dumped.json')
    same(trial.checkpoint()['meta']['epoch'], 2, 'epochs')


@row(KIND, '--cfg-options with lists, tuples and entries of lists')
def options(trial: Trial):
    """`val_evaluator.detail=True`, `custom_hooks.0.type=...`, `model.backbone.out_indices="(0,1)"` arrive."""
    trial.train('', '--cfg-options', 'model.backbone.out_indices=(0,1)', 'model.neck.num_levels=2', 'custom_hooks.0.type=EmptyCacheHook')
    text = next(trial.work.glob('*.py')).read_text()
    true("type='EmptyCacheHook'" in text and 'num_levels=2' in text, 'an option did not arrive')


@row(KIND, 'randomness=dict(seed=7, deterministic=True)')
def randomness(trial: Trial):
    """Two trainings have the same losses, another seed has others."""
    curves = []
    for seed in (7, 7, 8):
        trial.train(f"randomness = dict(seed={seed}, deterministic=True)\ndefault_hooks['logger'] = dict(interval=1)")
        curves.append(trial.scalars('train/loss'))
    same(curves[0], curves[1], 'losses of the same seed')
    true(curves[0] != curves[2], 'another seed has the same losses')


def _misspelt(where: str, extra: str, right: str):
    @row(KIND, f'A misspelt key: {where}', refused=f'did you mean {right!r}?')
    def attempt(trial: Trial):
        """The right one is suggested."""
        return trial.train(extra, check=False)


_misspelt('train_dataloader.batchsize', "train_dataloader['batchsize'] = 2", 'batch_size')
_misspelt('model.backbone.out_indexes', "model['backbone']['out_indexes'] = (0, 1)", 'out_indices')
_misspelt('optim_wrapper.optimizer.weight_decy', "optim_wrapper['optimizer']['weight_decy'] = 0.1", 'weight_decay')
_misspelt('param_scheduler.eta_mim', 'param_scheduler = dict(eta_mim=0.1)', 'eta_min')
_misspelt('train_cfg.max_epoch', "train_cfg['max_epoch'] = 3", 'max_epochs')
_misspelt('default_hook', 'default_hook = dict(logger=dict(interval=1))', 'default_hooks')

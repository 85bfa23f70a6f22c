"""A pure-Python config (``read_base``, classes as ``type``) trains, resumes, tests, predicts; so does what a training dumps of it."""

import json
import sys

import pytest
from tiny import TINY

BASE = """
from mmengine.dataset import DefaultSampler
from mmengine.optim import CosineAnnealingLR, OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, TestLoop, ValLoop
from torch.optim import Adam

from mmcv.transforms import LoadImageFromFile
from mmseg_fundus.datasets import DRIVEVesselDataset, LoadVesselAnnotations, PackVesselInputs, ViewSampler
from mmseg_fundus.engine import FeatureCacheHook, ResultsHook, TrainableOptimWrapperConstructor, VesselCheckpointHook, VesselOverlayHook
from mmseg_fundus.evaluation import VesselMetric
from mmseg_fundus.models import FrozenVisionTransformer, FundusDataPreprocessor, MLAFusionNeck, VesselLoss, VesselSegmentor
from mmseg_fundus.models import VesselUpsamplingHead
from mmseg_fundus.visualization import VesselVisualizer

default_scope = 'mmseg'
model = dict(
    type=VesselSegmentor,
    data_preprocessor=dict(type=FundusDataPreprocessor),
    backbone=dict(type=FrozenVisionTransformer, arch={arch}, pretrain_size=64, out_indices=(0, 1, 2, 3), weights='nowhere.pth'),
    neck=dict(type=MLAFusionNeck, in_channels=48, channels=16),
    decode_head=dict(type=VesselUpsamplingHead, in_channels=16, stage_channels=(16, 16, 8, 8), loss_decode=dict(type=VesselLoss)),
    test_cfg=dict(mode='whole', size=(64, 64)),
)
steps = [dict(type=LoadImageFromFile, imdecode_backend='pillow'), dict(type=LoadVesselAnnotations), dict(type=PackVesselInputs)]
train_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type=ViewSampler, views=2),
    dataset=dict(type=DRIVEVesselDataset, data_root='nowhere', split='train', augmentation=dict(size=(64, 64))),
)
val_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=DRIVEVesselDataset, data_root='nowhere', split='val', test_mode=True, pipeline=steps),
)
test_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=DRIVEVesselDataset, data_root='nowhere', split='test', test_mode=True, pipeline=steps),
)
val_evaluator = dict(type=VesselMetric, detail=False)
test_evaluator = dict(type=VesselMetric)
optim_wrapper = dict(type=OptimWrapper, constructor=TrainableOptimWrapperConstructor, optimizer=dict(type=Adam, lr=1e-3))
param_scheduler = dict(type=CosineAnnealingLR, by_epoch=True, convert_to_iter_based=True)
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=5)
val_cfg = dict(type=ValLoop)
test_cfg = dict(type=TestLoop)
default_hooks = dict(
    checkpoint=dict(type=VesselCheckpointHook, interval=1),
    visualization=dict(type=VesselOverlayHook),
    feature_cache=dict(type=FeatureCacheHook),
)
custom_hooks = [dict(type=ResultsHook)]
visualizer = dict(type=VesselVisualizer)
"""
LEAF = """
from mmengine.config import read_base

with read_base():
    from .base import *

train_cfg.update(max_epochs=1)
work_dir = 'work'
"""


@pytest.fixture
def tool(shell, root, tmp_path):
    (tmp_path / 'base.py').write_text(BASE.replace('{arch}', repr(TINY)))
    (tmp_path / 'pure.py').write_text(LEAF)

    def run(name, *arguments, status=0):
        done = shell(sys.executable, root / 'tools' / f'{name}.py', *arguments)
        assert done.returncode == status, done.stdout
        return done.stdout

    return run


def test_a_pure_python_config_goes_all_the_way(tool, tmp_path, tiny_weights, drive_like):
    files = ('--weights', tiny_weights, '--data-root', drive_like)
    out = tool('train', 'pure.py', *files, '--lr', '0.002')
    assert 'at most' in out  # the feature cache takes it
    tool('train', 'pure.py', *files, '--epochs', 2, '--resume', '--lr', '0.002')
    checkpoint = 'work/epoch_2.pth'
    out = tool('test', 'pure.py', checkpoint, '--tta', '--show-dir', 'overlays', '--work-dir', 'test')  # without the training's options
    assert f'pictures: {drive_like} (on which {checkpoint} was trained' in out and f'encoder weights: {tiny_weights} (with which' in out
    results = json.loads((tmp_path / 'test/results.json').read_text())
    assert results['data']['pictures'] == 3 and len(list((tmp_path / 'test/masks').iterdir())) == 3
    dumped = tool('test', 'work/pure.py', checkpoint, '--tta', '--work-dir', 'again')  # what the training wrote
    assert json.loads((tmp_path / 'again/results.json').read_text())['metrics'] == results['metrics'], dumped
    tool('test', 'test/pure.py', checkpoint, '--work-dir', 'third')
    assert '3 predicted' in tool('predict', drive_like / 'test/images', '-o', 'out', '--config', 'pure.py', '--checkpoint', checkpoint)
    tool('evaluate_masks', 'test/masks', 'pure.py', '--data-root', drive_like)


def test_a_misspelt_key_and_import_of_it_are_one_line(tool, tmp_path):
    out = tool('train', 'pure.py', '--cfg-options', 'model.backbone.out_indice=(0,1)', status=1)
    assert (
        out.strip().splitlines()[-1].endswith("'out_indice' that it does not take; did you mean 'out_indices'?") and 'Traceback' not in out
    )
    (tmp_path / 'pure.py').write_text(LEAF.replace('\nwith', 'from mmseg_fundus.models import VesselSegmenter\n\nwith'))
    out = tool('train', 'pure.py', status=1)
    assert 'pure.py cannot be read as a config' in out and 'VesselSegmenter' in out and 'Traceback' not in out

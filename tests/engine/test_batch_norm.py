"""A batch norm with one value per channel: said in one line, before the first epoch is lost, and the advice works."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModule
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmseg_fundus.engine import BatchNormHook, batch_norm_hook, load_config
from mmseg_fundus.engine.explain import explain
from mmseg_fundus.engine.training_options import apply_training_options
from mmseg_fundus.errors import TrainingError
from mmseg_fundus.models.segmentors.norms import norms_explained

POOLED = """
model['decode_head'] = dict(_delete_=True, type='PSPHead', in_channels=16, channels=8, pool_scales=(1, 2), num_classes=2, in_index=0,
    dropout_ratio=0, norm_cfg=dict(type='BN', requires_grad=True), loss_decode=dict(type='CrossEntropyLoss'))
"""


@MODELS.register_module()
class MapsInATuple(BaseModule):
    """A neck that hands on the deepest map in a tuple, as mmseg's heads want it."""

    def __init__(self, channels):
        super().__init__()
        self.project = torch.nn.Conv2d(channels, 16, 1)

    def forward(self, maps):
        return (self.project(maps[-1]),)


@pytest.fixture
def runner(tiny_config, tmp_path):
    """Of mmseg's pyramid pooling head, whose first pool is 1x1, on five training pictures."""

    def make(batch_size=2, extra='', **options):
        neck = "model['neck'] = dict(_delete_=True, type='MapsInATuple', channels=48)"
        config = tiny_config(f"{POOLED}{neck}\n{extra}\nval_cfg = val_dataloader = val_evaluator = None\ntrain_cfg['max_epochs'] = 1")
        cfg = load_config(config, {'default_hooks.feature_cache.enabled': False, **options})
        cfg.train_dataloader.dataset.val_fraction = 1 / 6
        cfg.default_hooks.pop('visualization'), cfg.default_hooks.checkpoint.update(save_best=None)
        apply_training_options(cfg, batch_size=batch_size)
        cfg.experiment_name = f'{tmp_path.name}{len(list(tmp_path.rglob("*")))}'
        return Runner.from_cfg(copy.deepcopy(cfg))

    return make


def steps(runner):
    """Trains; how many steps were done, also if it ended with an error, and the error."""
    done = []
    runner.register_hook(Counting(done))
    try:
        runner.train()
    except TrainingError as error:
        return len(done), str(error)
    return len(done), None


class Counting(BatchNormHook):
    """Counts finished steps."""

    def __init__(self, done):
        super().__init__()
        self.done = done

    def before_train(self, runner):
        pass

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.done.append(batch_idx)


def test_a_last_batch_of_one_is_refused_in_the_first_step_with_the_numbers(runner):
    done, error = steps(runner(batch_size=2))
    assert done == 0 and 'decode_head.psp_modules.0.1.bn sees maps of 1x1' in error and '\n' not in error
    assert (
        'with 5 pictures for each process and batch size 2' in error
        and 'use --batch-size 3, train_dataloader.drop_last=True' in error
        and 'num_groups=4' in error
    )


@pytest.mark.parametrize(
    'advice',
    [
        dict(batch_size=3),
        {'train_dataloader.drop_last': True},
        {'model.decode_head.norm_cfg.type': 'GN', 'model.decode_head.norm_cfg.num_groups': 4},  # its maps have 8 channels
    ],
    ids=['batch size', 'drop_last', 'GN'],
)
def test_each_advice_works(runner, advice):
    done, error = steps(runner(**advice))
    assert error is None and done == (3 if 'model.decode_head.norm_cfg.type' in advice else 2)


def test_a_batch_size_of_one_is_refused_likewise(runner):
    done, error = steps(runner(batch_size=1))
    assert done == 0 and 'batch size 1, each has one: use --batch-size 3, or another normalisation' in error


@pytest.mark.slow
def test_our_own_head_takes_a_batch_of_one_and_says_what_to_do_about_a_map_of_1x1(tiny_config):
    small = "train_dataloader['dataset']['augmentation'] = dict(size=(16, 16))\nmodel['test_cfg'] = dict(size=(16, 16))"
    cfg = load_config(tiny_config(small), {'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 1})
    with pytest.raises(TrainingError, match='stages.0.0.bn sees maps of 1x1.*--batch-size 3, or another normalisation'):
        Runner.from_cfg(cfg).train()
    cfg = load_config(tiny_config(name='larger.py'), {'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 1})
    cfg.experiment_name = 'larger'
    Runner.from_cfg(cfg).train()
    assert (Path(cfg.work_dir) / 'epoch_1.pth').is_file()


@pytest.mark.parametrize(
    'norm', [torch.nn.BatchNorm2d(4), torch.nn.InstanceNorm2d(4), torch.nn.GroupNorm(4, 4)], ids=lambda n: type(n).__name__
)
def test_every_norm_of_torch_that_has_one_value_is_explained(norm):
    with pytest.raises(TrainingError, match=r'a batch of 1 picture\(s\) of 16x16 .*one value per channel.*--batch-size 2.*num_groups=8'):
        with norms_explained(torch.nn.BatchNorm2d(32), (1, 3, 16, 16)):
            norm.train()(torch.zeros(1, 4, 1, 1))
    with pytest.raises(ValueError, match='other'), norms_explained(torch.nn.BatchNorm2d(32), (1, 3, 16, 16)):
        raise ValueError('other')


def test_synced_batch_norms_count_the_pictures_of_all_processes(runner, monkeypatch):
    monkeypatch.setattr(batch_norm_hook, 'get_world_size', lambda: 2)
    made, hook = runner(), BatchNormHook()
    made.model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(made.model)
    hook.before_train(made)
    assert hook._looking == []


def test_what_cannot_begin_is_one_line():
    synced = ValueError('SyncBatchNorm layers only work with GPU modules')
    empty = AssertionError('`epoch_length` must be a positive integer, but got 0.')
    assert "needs a GPU for each process; use norm_cfg=dict(type='BN'), and leave sync_bn out" in explain(synced)
    assert 'an epoch has no step: with train_dataloader.drop_last=True' in explain(empty)
    assert explain(ValueError('else')) is None is explain(AssertionError('else'))

"""Settings of mmengine's and mmseg's own trainings that ours cannot follow: one line, and what it says works."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmseg_fundus.engine import VesselCheckpointHook, prepare_launcher
from mmseg_fundus.engine.explain import explain
from mmseg_fundus.engine.training_options import apply_training_options
from mmseg_fundus.errors import ConfigError


class Model(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone


def optimizer(model, **settings):
    return build_optim_wrapper(model, ConfigDict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1.0), **settings))


@pytest.mark.parametrize('constructor', ['LearningRateDecayOptimizerConstructor', 'LayerDecayOptimizerConstructor'])
@pytest.mark.filterwarnings('ignore')
def test_layer_wise_rates_of_mmseg_are_one_line_and_the_way_it_names_gives_them(tiny_vit, constructor):
    model = Model(tiny_vit(trainable_blocks='all'))
    rates = dict(num_layers=4, decay_type='layer_wise', decay_rate=0.9, layer_decay_rate=0.9)
    with pytest.raises(NotImplementedError) as raised:
        optimizer(model, constructor=constructor, paramwise_cfg=rates)
    assert 'paramwise_cfg=dict(_delete_=True, layer_decay=0.9)' in explain(raised.value)

    groups = optimizer(model, constructor='TrainableOptimWrapperConstructor', paramwise_cfg=dict(layer_decay=0.9)).optimizer.param_groups
    rate = {id(parameter): group['lr'] for group in groups for parameter in group['params']}
    assert rate[id(model.backbone.layers[0].attn.qkv.weight)] == pytest.approx(0.9**4)
    assert rate[id(model.backbone.layers[3].attn.qkv.weight)] == pytest.approx(0.9)


def test_an_error_of_this_package_that_is_not_implemented_stays_a_traceback():
    def raises():
        raise NotImplementedError('by a plugin')

    with pytest.raises(NotImplementedError) as raised:
        raises()
    assert explain(raised.value) is None


PART = "dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))"


@pytest.mark.parametrize(
    'extra, words',
    [
        ("optim_wrapper['type'] = 'AmpOptimWrapper'", "leave it out; model.precision='bfloat16' and model.backbone.precision"),
        (
            "train_dataloader['sampler'] = dict(type='DefaultSampler')",
            r"does not take views, .*sampler=dict\(_delete_=True, type='DefaultSampler'",
        ),
        (f'optim_wrapper = dict(_delete_=True, encoder={PART}, decoder={PART})', 'optim_wrapper has no optimizer, but encoder, decoder'),
    ],
)
def test_what_mmengine_would_stop_at_with_a_traceback_is_one_line(tiny_config, extra, words):
    with pytest.raises(ConfigError, match=words):
        apply_training_options(Config.fromfile(str(tiny_config(extra))))


@pytest.mark.parametrize('extra', ["runner_type = 'FlexibleRunner'", "strategy = dict(type='DDPStrategy')"])
def test_a_runner_that_would_be_passed_over_is_refused(tiny_config, extra):
    cfg = Config.fromfile(str(tiny_config(extra)))
    with pytest.raises(ConfigError, match='has a runner of its own'):
        apply_training_options(cfg)
    apply_training_options(Config.fromfile(str(tiny_config("runner_type = 'Runner'"))))


def test_sync_bn_becomes_bn_where_several_processes_have_no_gpu(monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_fundus.engine.distributed.print_log', lambda text, **options: said.append(text))
    monkeypatch.setenv('RANK', '0')
    monkeypatch.setattr('torch.distributed.is_initialized', lambda: True)
    heads = dict(decode_head=dict(norm_cfg=dict(type='SyncBN')), auxiliary_head=[dict(norm_cfg=dict(type=nn.SyncBatchNorm, eps=1e-3))])
    cfg = Config(dict(model=dict(heads, neck=dict(norm_cfg=dict(type='LN'))), sync_bn='torch'))
    prepare_launcher(cfg, 'pytorch')
    assert cfg.model.decode_head.norm_cfg.type == 'BN' and cfg.sync_bn is None
    assert cfg.model.auxiliary_head[0].norm_cfg == dict(type='BN', eps=1e-3) and cfg.model.neck.norm_cfg.type == 'LN'
    assert len(said) == 1 and 'SyncBN works on GPUs alone' in said[0]
    with_one = Config(dict(model=heads))
    prepare_launcher(with_one, 'none')
    assert with_one.model.decode_head.norm_cfg.type == 'SyncBN'  # mmengine's to revert


def test_checkpoints_hold_nothing_that_plain_torch_load_refuses(tmp_path):
    checkpoint = dict(
        meta={},
        message_hub=dict(log_scalars={}, runtime_info=dict(eta=np.float64(2.5), epoch=1, best=[np.float32(0.5)]), resumed_keys={}),
        param_schedulers=[dict(best=np.float64(1.0), last_step=3)],
    )
    VesselCheckpointHook().before_save_checkpoint(SimpleNamespace(model=nn.Identity(), cfg=Config()), checkpoint)
    torch.save(checkpoint, tmp_path / 'plain.pth')
    found = torch.load(tmp_path / 'plain.pth', weights_only=True)
    assert found['message_hub']['runtime_info'] == dict(eta=2.5, epoch=1, best=[0.5])
    assert found['param_schedulers'] == [dict(best=1.0, last_step=3)]


def test_a_sampler_without_the_inherited_arguments_is_taken(tiny_config):
    for sampler in ("dict(_delete_=True, type='DefaultSampler', shuffle=True)", "dict(type='ViewSampler', views=3)"):
        apply_training_options(Config.fromfile(str(tiny_config(f"train_dataloader['sampler'] = {sampler}"))))

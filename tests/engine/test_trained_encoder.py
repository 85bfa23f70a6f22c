"""Trainings through mmengine's runner in which something inside the encoder is trained, or ought to be."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.apis import init_model
from mmseg.registry import HOOKS
from tiny import lora_lines
from torch import nn

from mmseg_fundus.engine import load_config
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.fileio.safe_load import safe_load

VIEWS = {'train_dataloader.sampler.views': 2}


@pytest.fixture
def train(tiny_config, tmp_path, monkeypatch):
    """Trains a config with more lines and options; returns the runner and what the feature cache said."""
    said = []
    for module in ('engine.feature_cache_hook', 'feature_cache.cached_encoder'):
        monkeypatch.setattr(f'mmseg_fundus.{module}.print_log', lambda text, **kwargs: said.append(text))

    def run(extra='', name='tiny.py', **options):
        said.clear()
        cfg = load_config(tiny_config(extra, name=name), {'default_hooks.feature_cache.folder': str(tmp_path / 'cache'), **options})
        cfg.experiment_name = f'{tmp_path.name}-{name}'
        runner = Runner.from_cfg(cfg)
        runner.train()
        return runner, [text for text in said if text.startswith('feature cache')]

    return run


def tensors(runner, words):
    return {name: tensor.clone() for name, tensor in runner.model.state_dict().items() if words in name}


def test_lora_trains_is_saved_tested_resumed_and_keeps_no_maps(train, tiny_weights, tmp_path):
    lines = lora_lines(tiny_weights, drop_rate=0.1)
    runner, said = train(lines, **VIEWS)
    assert len(said) == 1 and 'off, the encoder is trained: 8 of its parameters require a gradient (module.layers.0' in said[0]
    assert not list(tmp_path.glob('cache/*'))
    adapter = tensors(runner, '.lora_')
    assert len(adapter) == 8 and all(tensor.any() for name, tensor in adapter.items() if 'lora_up' in name)
    held = {id(p) for group in runner.optim_wrapper.optimizer.param_groups for p in group['params']}
    assert held == {id(p) for p in runner.model.parameters() if p.requires_grad}
    path = Path(runner.work_dir) / 'epoch_2.pth'
    saved = safe_load(path)
    assert {name for name in saved['state_dict'] if name.startswith('backbone.')} == set(adapter) and path.stat().st_size < 500_000
    assert saved['meta']['encoder']['file'] == str(tiny_weights) and saved['meta']['training']['trained_parameters'] > 0
    assert saved['meta']['dataset_meta']['classes'] == ('background', 'vessel') and 'LoRAModel' in saved['meta']['cfg']
    model = init_model(runner.cfg, str(path), device='cpu')
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(x), runner.model.eval()(x))
    again = json.loads((Path(runner.work_dir) / 'results.json').read_text())
    assert again['weights']['path'] == str(tiny_weights)
    first = Path(runner.work_dir) / 'epoch_1.pth'
    first = first.rename(tmp_path / 'first.pth')
    resumed, _ = train(lines, load_from=str(first), resume=True, **VIEWS)
    assert resumed.iter == runner.iter and all(torch.equal(tensor, adapter[name]) for name, tensor in tensors(resumed, '.lora_').items())


def test_averaged_weights_have_the_adapter_and_the_count_of_their_steps(train, tiny_weights):
    runner, _ = train(lora_lines(tiny_weights) + "\ncustom_hooks = [dict(type='EMAHook', momentum=0.1)]")
    saved = safe_load(Path(runner.work_dir) / 'epoch_2.pth')
    averaged = saved['ema_state_dict']
    assert sum('.lora_' in name for name in averaged) == sum('.lora_' in name for name in saved['state_dict']) == 8
    assert averaged['steps'] == runner.iter and not any('original_layer' in name for name in averaged)


# ---- hooks that unfreeze


@HOOKS.register_module()
class UnfreezeHook(Hook):
    """What people write to train a block after all: at the start, or from an epoch on."""

    def __init__(self, epoch=None):
        self.epoch = epoch

    def before_train(self, runner):
        if self.epoch is None:
            runner.model.backbone.layers[3].requires_grad_(True)

    def before_train_epoch(self, runner):
        if runner.epoch == self.epoch:
            runner.model.backbone.layers[3].requires_grad_(True)


UNFREEZE = "custom_hooks = [dict(type='UnfreezeHook')]"
HOLDS_ALL = {'optim_wrapper.constructor': 'DefaultOptimWrapperConstructor'}


@pytest.mark.parametrize('epoch', [None, 1])
def test_a_block_that_a_hook_unfreezes_is_refused_if_the_optimizer_does_not_hold_it(train, epoch):
    with pytest.raises(ConfigError, match='12 parameters require a gradient, but the optimizer.*layers.3.*DefaultOptimWrapperConstructor'):
        train(f"custom_hooks = [dict(type='UnfreezeHook', epoch={epoch})]", **VIEWS)


@pytest.mark.parametrize('epoch, said_last', [(None, 'off'), (1, 'off from here on, the encoder is trained now')])
def test_it_trains_as_the_refusal_advises_without_stale_maps_and_is_saved(train, tiny_vit, epoch, said_last):
    runner, said = train(f"custom_hooks = [dict(type='UnfreezeHook', epoch={epoch})]", **VIEWS, **HOLDS_ALL)
    assert said[-1].startswith(f'feature cache: {said_last}')
    encoder = runner.model.encoder
    assert encoder.off and encoder.encoder is runner.model.backbone
    own = tiny_vit(out_indices=(0, 1, 2, 3)).state_dict()
    saved = safe_load(Path(runner.work_dir) / 'epoch_2.pth')['state_dict']
    for name, tensor in own.items():
        assert torch.equal(saved[f'backbone.{name}'], tensor) == (not name.startswith('layers.3.')), name


@HOOKS.register_module()
class DetachHook(Hook):
    """Cuts the gradient behind the last block, as activation checkpointing of a first trained block does."""

    def before_train(self, runner):
        runner.model.backbone.register_forward_hook(lambda module, inputs, maps: tuple(level.detach() for level in maps))


def test_a_trained_parameter_of_the_encoder_that_gets_no_gradient_is_refused_in_the_first_epoch(train, tiny_weights):
    with pytest.raises(ConfigError, match='8 parameters of the encoder require a gradient, but got none in 2 steps .*lora_down'):
        train(lora_lines(tiny_weights) + "\ncustom_hooks = [dict(type='DetachHook')]")


def test_a_head_with_a_parameter_that_it_does_not_use_is_a_warning(train, monkeypatch):
    from mmseg_fundus.models.decode_heads import VesselUpsamplingHead

    said, build = [], VesselUpsamplingHead.__init__
    monkeypatch.setattr('mmseg_fundus.engine.trained_parameters_hook.print_log', lambda text, **kwargs: said.append(text))

    def with_unused(self, **kwargs):
        build(self, **kwargs)
        self.unused = nn.Parameter(torch.zeros(3))

    monkeypatch.setattr(VesselUpsamplingHead, '__init__', with_unused)
    train()
    assert said == ['1 parameters require a gradient, but got none in 2 steps and stay as they are: decode_head.unused']


def test_an_adapter_that_is_frozen_again_keeps_no_maps_of_the_plain_encoder(train, tiny_weights):
    _, said = train(lora_lines(tiny_weights) + "\ncustom_hooks = [dict(type='FreezeHook')]", **VIEWS)
    assert said == ['feature cache: off, the backbone LoRAModel cannot be told from others: its class does not define identity()']


@HOOKS.register_module()
class FreezeHook(Hook):
    """Trains the decoder alone, with an adapter that stays as it is."""

    priority = 'VERY_HIGH'

    def before_train(self, runner):
        runner.model.backbone.requires_grad_(False)

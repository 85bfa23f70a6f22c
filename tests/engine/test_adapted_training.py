"""Trainings through mmengine's runner with LoRA in the encoder (``adapt=...``)."""

from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner

from mmseg_fundus.engine import load_config
from mmseg_fundus.fileio.safe_load import safe_load
from mmseg_fundus.models.encoders.contract import encoder_in

ADAPT = {'model.backbone.adapt': dict(type='LoRA', rank=2), 'train_dataloader.sampler.views': 2}


@pytest.fixture
def train(tiny_config, tmp_path, monkeypatch):
    """Trains the tiny config with more options; returns the runner and what the feature cache said."""
    said = []
    monkeypatch.setattr('mmseg_fundus.engine.feature_cache_hook.print_log', lambda text, **kwargs: said.append(text))

    def run(name, **options):
        said.clear()
        cfg = load_config(tiny_config(), {'default_hooks.feature_cache.folder': str(tmp_path / 'cache'), **options})
        cfg.work_dir, cfg.experiment_name = str(tmp_path / name), f'{tmp_path.name}-{name}'
        runner = Runner.from_cfg(cfg)
        runner.train()
        return runner, list(said)

    return run


def test_the_adapter_is_trained_and_saved_small_and_the_log_says_what_the_missing_cache_costs(train, tiny_vit, tmp_path):
    runner, said = train('run', **ADAPT)
    assert len(said) == 1 and said[0].startswith(
        'feature cache: off, the encoder is trained: 16 of its parameters require a gradient (layers.0'
    )
    assert 'runs forwards and backwards in each step, 5 views an epoch' in said[0] and not list(tmp_path.glob('cache/*'))
    path = Path(runner.work_dir) / 'epoch_2.pth'
    state = safe_load(path)['state_dict']
    inside = {name for name in state if name.startswith('backbone.')}
    assert inside == {f'backbone.{name}' for name in runner.model.backbone.trainable}
    assert all(state[name].any() for name in inside) and path.stat().st_size < 500_000
    assert runner.model.backbone.fingerprint() == tiny_vit().fingerprint()


def test_resumed_after_an_epoch_it_ends_bit_for_bit_as_undisturbed(train, tmp_path):
    whole, _ = train('whole', **ADAPT)
    first = (tmp_path / 'whole/epoch_1.pth').rename(tmp_path / 'first.pth')
    resumed, _ = train('resumed', load_from=str(first), resume=True, **ADAPT)
    one, other = (safe_load(tmp_path / name / 'epoch_2.pth') for name in ('whole', 'resumed'))
    assert resumed.iter == whole.iter and one['state_dict'].keys() == other['state_dict'].keys()
    assert all(torch.equal(tensor, other['state_dict'][name]) for name, tensor in one['state_dict'].items())
    for name, moments in one['optimizer']['state'].items():
        assert all(torch.equal(moments[key], other['optimizer']['state'][name][key]) for key in ('exp_avg', 'exp_avg_sq'))


def test_without_an_adapter_the_training_is_the_one_with_none(train):
    one, _ = train('one', **{'train_dataloader.sampler.views': 2})
    other, said = train('other', **{**ADAPT, 'model.backbone.adapt': None})
    assert 'off' not in said[0] and not encoder_in(other.model).trainable
    assert all(torch.equal(tensor, other.model.state_dict()[name]) for name, tensor in one.model.state_dict().items())

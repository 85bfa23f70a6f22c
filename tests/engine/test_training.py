"""Training through mmengine's runner, in this process: what is trained, what stays, what is saved."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import MODELS
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmseg_fundus.engine import TrainableOptimWrapperConstructor, load_config
from mmseg_fundus.errors import ConfigError

TAGS = {
    *('train/loss', 'train/decode.loss_ce', 'train/decode.loss_dice', 'train/Dice', 'train/lr'),
    *('val/loss', 'val/loss_ce', 'val/loss_dice', 'val/Dice', 'val/IoU', 'val/Accuracy', 'val/Sensitivity', 'val/Specificity'),
}


def state_of(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@pytest.fixture
def trained(tiny_config):
    """Twenty steps: 5 pictures (one held out) in batches of 1, four epochs."""
    cfg = load_config(tiny_config("train_cfg['max_epochs'] = 4"), {'train_dataloader.batch_size': 1})
    runner = Runner.from_cfg(cfg)
    before = state_of(runner.model)
    runner.train()
    return runner, before


def test_twenty_steps_leave_every_encoder_tensor_bit_identical_and_change_the_decoder(trained):
    runner, before = trained
    assert runner.iter == 20
    for name, tensor in runner.model.state_dict().items():
        if name.startswith('backbone.'):
            assert torch.equal(tensor, before[name]), name
        elif name.endswith(('.weight', 'running_mean')):
            assert not torch.equal(tensor, before[name]), name
    x = torch.randn(1, 3, 64, 64)
    runner.model.train()
    assert torch.equal(runner.model.backbone(x)[0], runner.model.backbone(x)[0])


def test_the_optimizer_holds_decoder_parameters_only(trained):
    runner, _ = trained
    held = {id(p) for group in runner.optim_wrapper.optimizer.param_groups for p in group['params']}
    decoder = {id(p) for name, p in runner.model.named_parameters() if not name.startswith('backbone.')}
    assert held == decoder and len(runner.optim_wrapper.optimizer.state_dict()['state']) == len(decoder)


@pytest.mark.slow
def test_outputs_are_checkpoints_curves_and_overlays(trained):
    runner, _ = trained
    work = Path(runner.work_dir)
    assert list(work.glob('best_Dice_epoch_*.pth')) and (work / 'epoch_4.pth').is_file()
    events = EventAccumulator(str(next(work.rglob('events.out.tfevents*')).parent), size_guidance=dict(scalars=0, images=0)).Reload()
    tags = set(events.Tags()['scalars'])
    assert TAGS <= tags, tags
    assert len(events.Scalars('val/Dice')) == 4 and events.Tags()['images']
    scalars = [json.loads(line) for line in next(work.rglob('scalars.json')).read_text().splitlines()]
    assert sum('val/Dice' in line for line in scalars) == 4
    assert len(list(work.rglob('vis_image/val_*.png'))) == 4


@pytest.mark.slow
def test_a_checkpoint_tests_and_resumes(trained, tiny_config):
    runner, _ = trained
    path = str(Path(runner.work_dir) / 'epoch_4.pth')
    options = {'load_from': path, 'resume': True, 'train_cfg.max_epochs': 5, 'experiment_name': 'resumed'}
    resumed = Runner.from_cfg(load_config(tiny_config(name='again.py'), options))
    resumed.load_or_resume()
    assert resumed.epoch == 4 and resumed.iter == 20
    assert all(torch.equal(tensor, runner.model.state_dict()[name]) for name, tensor in resumed.model.state_dict().items())


@pytest.mark.slow
def test_the_cosine_runs_over_the_epochs_asked_for(tiny_config):
    cfg = load_config(tiny_config(), {'train_cfg.max_epochs': 3, 'train_dataloader.batch_size': 1})
    runner = Runner.from_cfg(cfg)
    runner.train()
    events = EventAccumulator(str(next(Path(runner.work_dir).rglob('events.out.tfevents*')).parent)).Reload()
    last = events.Scalars('train/lr')[-1].value
    steps = 3 * 5
    expected = 0.003 * (1 + torch.cos(torch.tensor(torch.pi * (steps - 1) / steps)).item()) / 2
    assert last == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize('paramwise', [None, dict(custom_keys=dict(neck=dict(lr_mult=0.1)), norm_decay_mult=0.0)])
def test_frozen_parameters_are_left_out_with_and_without_paramwise_options(tiny_config, paramwise):
    cfg = load_config(tiny_config())
    model = MODELS.build(cfg.model)
    constructor = TrainableOptimWrapperConstructor(dict(type='OptimWrapper', optimizer=cfg.optim_wrapper.optimizer), paramwise)
    groups = constructor(model).optimizer.param_groups
    assert {id(p) for g in groups for p in g['params']} == {id(p) for p in model.parameters() if p.requires_grad}
    if paramwise:
        assert sorted({g['lr'] for g in groups}) == pytest.approx([0.0003, 0.003])


def test_a_model_with_nothing_to_train_is_refused(tiny_vit):
    constructor = TrainableOptimWrapperConstructor(dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1)))
    with pytest.raises(ConfigError, match='nothing to train'):
        constructor(tiny_vit())

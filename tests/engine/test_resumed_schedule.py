"""A resumed training has at each step the values that its config has there when it is trained from the start."""

import copy
import math
import warnings

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

from mmseg_fundus.engine.resumed_schedule import ResumedSchedule, replay
from mmseg_fundus.errors import CheckpointError

COSINE = dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True)
KINDS = {
    'cosine': [COSINE],
    'cosine by epoch': [dict(type='CosineAnnealingLR', eta_min=1e-4)],
    'warm-up, then poly': [dict(type='LinearLR', by_epoch=False, start_factor=0.1, end=4), dict(type='PolyLR', power=0.9, begin=1)],
    'warm-up, then cosine': [
        dict(type='LinearLR', by_epoch=True, convert_to_iter_based=True, start_factor=0.01, end=1),
        dict(COSINE, begin=1, eta_min_ratio=0.01),
    ],
    'milestones': [dict(type='MultiStepLR', milestones=[1, 3], gamma=0.5)],
    'one cycle': [
        dict(type='OneCycleLR', eta_max=0.1, by_epoch=False),
        dict(type='CosineAnnealingMomentum', eta_min=0.5, by_epoch=False),
    ],
    'exponential': [dict(type='ExponentialLR', gamma=0.8)],
    'beta': [COSINE, dict(type='LinearMomentum', start_factor=0.5, by_epoch=True, convert_to_iter_based=True)],
    'none': [],
}


def build(kinds, epochs, length, lr=0.003, optimizer=torch.optim.Adam, **options):
    """An optimizer of two groups, as paramwise_cfg makes them, and schedules as mmengine's runner builds them."""
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    groups = [dict(params=weights[:1]), dict(params=weights[1:], lr=lr * 0.1)]
    wrapper = OptimWrapper(optimizer(groups, lr=lr, **options))
    schedulers = []
    for kind in kinds:
        kind = dict(kind)
        end = epochs if kind.get('by_epoch', True) else epochs * length
        kind.setdefault('end', end)
        if kind['type'] == 'OneCycleLR':
            kind['total_steps'] = end
        schedulers.append(PARAM_SCHEDULERS.build(kind, default_args=dict(optimizer=wrapper, epoch_length=length)))
    return wrapper, schedulers


def values(wrapper):
    return [(group['lr'], group['betas'], group['weight_decay']) for group in wrapper.param_groups]


def train(wrapper, schedulers, begin, end, length):
    """{step: values that it is trained with}, as mmengine's loop and hook take the steps."""
    curve = {}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for epoch in range(begin, end):
            for step in range(epoch * length, (epoch + 1) * length):
                curve[step] = values(wrapper)
                wrapper.optimizer.zero_grad()
                sum(p.square().sum() for group in wrapper.optimizer.param_groups for p in group['params']).backward()
                wrapper.optimizer.step()
                for scheduler in schedulers:
                    scheduler.step() if not scheduler.by_epoch else None
            for scheduler in schedulers:
                scheduler.step() if scheduler.by_epoch else None
    return curve


def resume(saved, wrapper, schedulers, epochs, length):
    states, optimizer = saved
    plan = ResumedSchedule(wrapper, schedulers, epochs, epochs * length)
    plan.check_kind(optimizer['param_groups'], 'x.pth')
    wrapper.load_state_dict(copy.deepcopy(optimizer))
    return plan.settle(states, 'x.pth')


def saved_after(kinds, epochs, planned, length, **options):
    wrapper, schedulers = build(kinds, planned, length, **options)
    train(wrapper, schedulers, 0, epochs, length)
    return [scheduler.state_dict() for scheduler in schedulers], wrapper.state_dict()


@pytest.mark.parametrize('kind', list(KINDS))
@pytest.mark.parametrize(
    'epochs, length, options',
    [(4, 5, {}), (8, 5, {}), (4, 5, dict(lr=0.001)), (4, 3, {}), (6, 9, dict(lr=0.01, weight_decay=0.1)), (4, 5, dict(betas=(0.8, 0.99)))],
    ids=['unchanged', 'more epochs', 'another rate', 'larger batches', 'all', 'other betas'],
)
def test_the_curve_is_that_of_a_training_from_the_start(kind, epochs, length, options):
    saved = saved_after(KINDS[kind], 2, 4, 5)
    wrapper, schedulers = build(KINDS[kind], epochs, length, **options)
    said = resume(saved, wrapper, schedulers, 2, length)
    resumed = train(wrapper, schedulers, 2, epochs, length)
    whole = train(*build(KINDS[kind], epochs, length, **options), 0, epochs, length)
    assert resumed == {step: whole[step] for step in resumed} and len(resumed) == (epochs - 2) * length
    assert bool(said) == ((epochs, length, options) != (4, 5, {}) and (kind, length, options) not in QUIET), said


# Nothing of these depends on how many epochs there are, or on how long one is.
QUIET = [
    ('one cycle', 5, dict(lr=0.001)),
    ('none', 5, {}),
    ('none', 3, {}),
    ('exponential', 3, {}),
    ('milestones', 3, {}),
    ('cosine by epoch', 3, {}),
]


@pytest.mark.parametrize('epochs, length, lr', [(8, 5, 0.003), (4, 5, 0.001), (4, 3, 0.003), (20, 7, 0.02)])
def test_the_cosine_has_its_closed_form(epochs, length, lr):
    wrapper, schedulers = build([COSINE], epochs, length, lr=lr)
    said = resume(saved_after([COSINE], 2, 4, 5), wrapper, schedulers, 2, length)
    assert len(said) == 1 and said[0].startswith(
        f'learning rate from here on {wrapper.param_groups[0]["lr"]:.4g}, where the checkpoint has'
    )
    for step, groups in train(wrapper, schedulers, 2, epochs, length).items():
        expected = lr * (1 + math.cos(math.pi * step / (epochs * length))) / 2
        assert [group[0] for group in groups] == pytest.approx([expected, expected * 0.1, expected], rel=1e-6)


def test_a_rate_that_a_hook_changed_stays_if_the_schedule_does():
    states, optimizer = saved_after([COSINE], 2, 4, 5)
    for group in optimizer['param_groups']:
        group['lr'] = 1e-5
    wrapper, schedulers = build([COSINE], 4, 5)
    assert resume((states, optimizer), wrapper, schedulers, 2, 5) == []
    assert [group['lr'] for group in wrapper.optimizer.param_groups] == [1e-5, 1e-5]


def test_options_of_the_optimizer_are_the_configs_and_are_said():
    wrapper, schedulers = build([COSINE], 4, 5, weight_decay=0.25, betas=(0.8, 0.99))
    said = resume(saved_after([COSINE], 2, 4, 5), wrapper, schedulers, 2, 5)
    assert sorted(said) == ['betas (0.9, 0.999) -> (0.8, 0.99)', 'weight_decay 0 -> 0.25']
    assert all(group['weight_decay'] == 0.25 and group['betas'] == (0.8, 0.99) for group in wrapper.param_groups)
    moments = wrapper.optimizer.state_dict()['state'][0]
    assert moments['step'] == 10 and moments['exp_avg'].abs().sum() > 0


@pytest.mark.parametrize(
    'optimizer, options',
    [(torch.optim.SGD, dict(momentum=0.9)), (torch.optim.NAdam, {}), (torch.optim.Adamax, {}), (torch.optim.RMSprop, {})],
)
def test_another_optimizer_is_refused(optimizer, options):
    with pytest.raises(CheckpointError, match=f'x.pth.* no {optimizer.__name__} .*load_from'):
        resume(saved_after([COSINE], 2, 4, 5), *build([COSINE], 4, 5, optimizer=optimizer, **options), 2, 5)


def test_what_past_validations_lowered_stays_lowered():
    kind = dict(type='ReduceOnPlateauLR', monitor='Dice', rule='greater', patience=0, factor=0.5)
    wrapper, schedulers = build([kind], 4, 5)
    for score in (0.5, 0.4, 0.3):
        schedulers[0].step(dict(Dice=score))
    saved = [schedulers[0].state_dict()], wrapper.state_dict()
    saved[0][0]['_global_step'] = 2
    assert wrapper.param_groups[0]['lr'] == pytest.approx(0.00075)
    for lr, epochs in ((0.003, 4), (0.003, 9), (0.012, 4)):
        again, schedule = build([kind], epochs, 5, lr=lr)
        said = resume(saved, again, schedule, 2, 5)
        assert [group['lr'] for group in again.param_groups] == pytest.approx([lr / 4, lr / 40, lr / 4])
        assert schedule[0].best == 0.5 and bool(said) == (lr != 0.003)
    with pytest.raises(CheckpointError, match='factor 0.5 -> 0.1.*ReduceOnPlateauLR.*leave param_scheduler'):
        resume(saved, *build([dict(kind, factor=0.1)], 4, 5), 2, 5)


def test_a_thousand_steps_of_an_iteration_loop_are_replayed():
    wrapper, schedulers = build([dict(type='PolyLR', power=1.0, by_epoch=False)], 1, 2000)
    replay(schedulers, 0, 1000)
    assert wrapper.param_groups[0]['lr'] == pytest.approx(0.003 * (1 - 1000 / 1999))

"""Whether a figure is better when greater or when less is derived from its name, by mmengine's hooks and ours."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook, EarlyStoppingHook

from mmseg_fundus.engine.checkpoint_hook import VesselCheckpointHook
from mmseg_fundus.engine.metric_rules import check_rules
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.evaluation.scores import NAMES
from mmseg_fundus.models.losses import VesselLoss

LESS = ['loss', *(f'loss_{term}' for term in ('ce', 'dice', 'cldice'))]
RULES = {**dict.fromkeys(NAMES, 'greater'), **dict.fromkeys(LESS, 'less'), 'mDice': 'greater', 'mIoU': 'greater', 'vessel/Dice': 'greater'}


@pytest.mark.parametrize('name, rule', RULES.items())
def test_the_rule_of_each_figure_is_known(name, rule):
    assert (
        EarlyStoppingHook(monitor=name).rule == CheckpointHook(save_best=name).rules[0] == VesselCheckpointHook(save_best=name).rule == rule
    )


def test_the_terms_of_the_loss_are_all_known():
    loss = VesselLoss(ce_weight=1.0, dice_weight=1.0, cldice_weight=1.0)
    terms = loss.terms(torch.zeros(1, 2, 8, 8), torch.ones(1, 8, 8, dtype=torch.long))
    assert {f'loss_{name}' for name in terms} <= set(LESS)


def test_several_and_the_first_figure():
    assert CheckpointHook(save_best=['Dice', 'loss', 'clDice']).rules == ['greater', 'less', 'greater']
    hook = CheckpointHook(save_best='auto')
    hook._init_rule(hook.rules, ['Dice'])
    assert hook.rules == ['greater']


def test_a_figure_nobody_knows_needs_its_rule():
    with pytest.raises(ConfigError, match="save_best='hausdorff': whether greater or less is better is not known; add rule="):
        VesselCheckpointHook(save_best='hausdorff')
    assert VesselCheckpointHook(save_best='hausdorff', rule='less').rule == 'less' and VesselCheckpointHook(save_best=None).rule is None


@pytest.mark.parametrize(
    'watcher, words',
    [
        (EarlyStoppingHook(monitor='vessel/loss_dice'), "EarlyStoppingHook watches vessel/loss_dice with rule='greater', but a smaller"),
        (VesselCheckpointHook(save_best='loss', rule='greater'), "watches loss with rule='greater', .* set rule='less'"),
        (CheckpointHook(save_best=['Dice', 'IoU'], rule='less'), "watches Dice with rule='less', but a greater value is better"),
        (SimpleNamespace(monitor='Dice', rule='less'), "watches Dice with rule='less'"),  # mmengine's ReduceOnPlateau schedules
    ],
)
def test_what_takes_the_worse_for_the_better_is_refused(watcher, words):
    with pytest.raises(ConfigError, match=words):
        check_rules(SimpleNamespace(hooks=[watcher], param_schedulers=[]))
    with pytest.raises(ConfigError, match=words):
        check_rules(SimpleNamespace(hooks=[], param_schedulers={'a': [watcher]}))

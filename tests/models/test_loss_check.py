import contextlib

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_fundus.engine import LossCheckHook
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.models.losses.blindness import check_losses

OURS = dict(type='VesselUpsamplingHead', in_channels=8, patch_size=4, stage_channels=(8, 8))
FCN = dict(type='FCNHead', in_channels=8, channels=8, num_convs=1, num_classes=2)
BLIND = [
    dict(type='VesselLoss'),
    dict(type='CrossEntropyLoss', avg_non_ignore=True),
    dict(type='TverskyLoss'),
    dict(type='LovaszLoss', reduction='none'),
    [dict(type='CrossEntropyLoss'), dict(type='VesselLoss', ce_weight=0)],
]


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('head', [OURS, FCN], ids=['ours', 'FCNHead'])
@pytest.mark.parametrize('loss', BLIND, ids=lambda loss: loss['type'] if isinstance(loss, dict) else 'several')
def test_a_loss_that_leaves_ignored_pixels_out_is_taken(head, loss):
    check_losses(MODELS.build({**head, 'loss_decode': loss}), 'cpu')


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('head', [OURS, FCN], ids=['ours', 'FCNHead'])
def test_class_weights_are_taken_unless_mmsegs_loss_fails_with_them(head):
    loss = dict(type='CrossEntropyLoss', class_weight=[1.0, 3.0])
    try:
        MODELS.build(loss)(torch.zeros(1, 2, 2, 2), torch.tensor([[[0, 1], [1, 255]]]), ignore_index=255)
        fails = contextlib.nullcontext()
    except IndexError:  # of 1.2.2, which looks up a weight for label 255
        fails = pytest.raises(ConfigError, match='CrossEntropyLoss fails for two classes')
    with fails:
        check_losses(MODELS.build({**head, 'loss_decode': loss}), 'cpu')


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('head', [OURS, FCN], ids=['ours', 'FCNHead'])
@pytest.mark.parametrize(
    'loss, words',
    [
        (dict(type='DiceLoss', use_sigmoid=False), 'DiceLoss also counts pixels of label 255'),
        (dict(type='DiceLoss'), 'DiceLoss also counts pixels of label 255'),
        ([dict(type='CrossEntropyLoss'), dict(type='DiceLoss')], 'DiceLoss also counts pixels of label 255'),
        (dict(type='OhemCrossEntropy'), 'OhemCrossEntropy fails'),
    ],
)
def test_a_loss_that_counts_ignored_pixels_or_fails_is_refused_and_ours_is_named(head, loss, words):
    with pytest.raises(ConfigError, match=words) as refused:
        check_losses(MODELS.build({**head, 'loss_decode': loss}), 'cpu')
    advised = str(refused.value).split('use loss_decode=')[1].split('), which')[0].rstrip(')') + ')'
    check_losses(MODELS.build({**head, 'loss_decode': eval(advised)}), 'cpu')  # the advice works


def _batch(label: int) -> dict:
    return dict(data_samples=[SegDataSample(gt_sem_seg=PixelData(data=torch.full((1, 4, 4), label)))])


@pytest.mark.filterwarnings('ignore')
def test_the_first_batch_with_ignored_pixels_decides_and_auxiliary_heads_are_looked_at():
    model = nn.Module()
    model.decode_head = MODELS.build(OURS)
    model.auxiliary_head = nn.ModuleList([MODELS.build({**FCN, 'loss_decode': dict(type='DiceLoss')})])
    runner = type('Runner', (), dict(model=model))
    hook = LossCheckHook()
    hook.before_train_iter(runner, 0, _batch(1))  # mmseg's data sets have no ignored pixels, and its loss is right there
    with pytest.raises(ConfigError, match='FCNHead: its loss DiceLoss'):
        hook.before_train_iter(runner, 1, _batch(255))


def test_a_pixel_sampler_that_our_loss_would_pass_over_is_refused():
    with pytest.raises(ConfigError, match='would pass over decode_head.sampler'):
        MODELS.build({**OURS, 'loss_decode': dict(type='VesselLoss'), 'sampler': dict(type='OHEMPixelSampler')})

"""Several networks that predict each picture together: mean probability and spread, in every way of predicting."""

import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_fundus.errors import CheckpointError, ConfigError, TrainingError
from mmseg_fundus.models.segmentors.members import mean_logits, members_of
from mmseg_fundus.models.segmentors.predictor import Predictor

SEEN = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
WAYS = {
    'whole': dict(mode='whole', size=(64, 64)),
    'own size': dict(mode='whole', size=None),
    'windows': dict(mode='slide', crop_size=(64, 64), stride=(40, 40)),
    'scaled windows': dict(mode='slide', crop_size=(64, 64), stride=(40, 40), zoom=1.3, crop_to_fov=True),
    'poses': dict(mode='slide', crop_size=(64, 64), stride=(40, 40), tta=dict(scales=(1, 0.8))),
    'threshold': dict(mode='whole', size=(64, 64), threshold=0.3),
}


def build(tiny_config, test_cfg, seed=0, members=None, extra=''):
    cfg = Config.fromfile(tiny_config(extra)).model
    cfg.test_cfg = test_cfg
    if members:
        cfg.update(type='VesselEnsemble', members=members)
    torch.manual_seed(seed)
    model = MODELS.build(cfg).eval()
    with torch.no_grad():
        last, logits = model.decode_head.conv_seg, model.decode(model.extract_feat(SEEN), SEEN)
        odds = logits[:, 1] - logits[:, 0]
        last.weight.mul_(2 / odds.std())  # log odds of mean 0 and standard deviation 2: as initialised, all members say nearly 0.5
        last.bias.copy_(torch.tensor([0, -2 * odds.mean() / odds.std()]))
    return model


def together(ensemble, *members):
    """Put the neck and head of single models into an ensemble."""
    first, *others = members
    ensemble.neck.load_state_dict(first.neck.state_dict())
    ensemble.decode_head.load_state_dict(first.decode_head.state_dict())
    for place, one in zip(ensemble.others, others):
        place['neck'].load_state_dict(one.neck.state_dict())
        place['decode_head'].load_state_dict(one.decode_head.state_dict())
    return ensemble


def predicted(model, x, label=None):
    fov = torch.zeros(x.shape[2:])
    fov[4:-6, 3:-5] = 1
    samples = []
    for _ in range(len(x)):
        samples.append(SegDataSample(metainfo=dict(ori_shape=tuple(x.shape[2:]), img_shape=tuple(x.shape[2:]), fov=fov)))
        if label is not None:
            samples[-1].gt_sem_seg = PixelData(data=label)
    with torch.no_grad():
        return model.predict(x, samples), fov > 0


def vessel(samples):
    return torch.stack([sample.seg_logits.data.softmax(0)[1] for sample in samples])


@pytest.mark.parametrize('way', WAYS)
def test_the_mean_and_spread_are_those_of_the_members_by_hand(tiny_config, way):
    members = [build(tiny_config, WAYS[way], seed) for seed in range(3)]
    ensemble = together(build(tiny_config, WAYS[way], members=3), *members)
    x = torch.randn(2, 3, 90, 101)
    alone = torch.stack([vessel(predicted(one, x)[0]) for one in members])
    samples, fov = predicted(ensemble, x)
    spread = torch.cat([sample.vessel_spread.data for sample in samples])
    assert alone[:, :, fov].std(0).max() > 0.01, 'the members differ'
    assert torch.allclose(vessel(samples), alone.mean(0), atol=1e-6)
    assert torch.allclose(spread, alone.std(0, unbiased=False), atol=1e-6) and spread.shape == x[:, 0].shape
    assert spread.max() <= 0.5 and not spread[:, ~fov].any() and samples[0].seg_logits.data.shape == (2, 90, 101)
    masks = torch.cat([sample.pred_sem_seg.data for sample in samples])
    assert torch.equal(masks > 0, vessel(samples) > WAYS[way].get('threshold', 0.5)) and 0 < masks.float().mean() < 1


@pytest.mark.parametrize('way', WAYS)
def test_identical_members_are_the_single_model_without_any_spread(tiny_config, way):
    alone = build(tiny_config, WAYS[way], seed=5)
    ensemble = together(build(tiny_config, WAYS[way], members=3), alone, alone, alone)
    x = torch.randn(1, 3, 70, 81)
    ((one,), _), ((three,), _) = predicted(alone, x), predicted(ensemble, x)
    assert torch.allclose(vessel([three]), vessel([one]), atol=1e-6) and three.vessel_spread.data.max() < 1e-6
    assert torch.equal(three.pred_sem_seg.data, one.pred_sem_seg.data) and 'vessel_spread' not in one


def test_poses_of_a_single_model_are_bit_by_bit_what_they_were():
    x, logits = torch.randn(1, 3, 24, 31), torch.nn.Conv2d(3, 2, 3, padding=1)
    with torch.no_grad():
        predictor = Predictor(lambda inputs, places: logits(inputs), dict(tta=True))
        mean = torch.zeros(())
        for turns in range(4):
            mean = mean + torch.rot90(logits(torch.rot90(x, turns, (2, 3))), -turns, (2, 3)).softmax(1)
        for turns in range(4):
            mean = mean + torch.rot90(logits(torch.rot90(x.flip(3), turns, (2, 3))), -turns, (2, 3)).flip(3).softmax(1)
        assert torch.equal(predictor.predict(x, [{}]), (mean / 8).clamp(min=torch.finfo(torch.float32).tiny).log())


def test_the_encoder_runs_once_for_all_members(tiny_config):
    ensemble, calls = build(tiny_config, WAYS['whole'], members=4), []
    ensemble.backbone.register_forward_hook(lambda *_: calls.append(1))
    predicted(ensemble, torch.randn(1, 3, 64, 64))
    assert len(calls) == 1
    encoder = sum(name.startswith('backbone.') for name in ensemble.state_dict())
    assert encoder == len(ensemble.backbone.state_dict()) and members_of(ensemble.state_dict()) == 4


def test_the_loss_beside_a_prediction_is_that_of_the_mean(tiny_config):
    ensemble, label = build(tiny_config, WAYS['whole'], members=2), torch.randint(0, 2, (1, 64, 64))
    ((sample,), _) = predicted(ensemble, torch.randn(1, 3, 64, 64), label)
    terms = ensemble.decode_head.loss_decode.terms(sample.seg_logits.data[None], label)
    assert sample.val_loss == pytest.approx({name: float(value) for name, value in terms.items()})


def test_tensor_mode_is_the_log_of_the_mean_probability_also_of_confident_members(tiny_config):
    ensemble, x = build(tiny_config, WAYS['whole'], members=2), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        logits = ensemble.encode_decode(x)
        assert logits.shape == (1, 4, 64, 64) and ensemble(x, mode='tensor').shape == (1, 2, 64, 64)
        mean = (logits[:, :2].softmax(1) + logits[:, 2:].softmax(1)) / 2
        assert torch.allclose(ensemble(x, mode='tensor').exp(), mean, atol=1e-6)
    sure = torch.tensor([60.0, -60, 50, -50]).view(1, 4, 1, 1)
    assert mean_logits(sure)[0, 1].item() == pytest.approx(-100.693, abs=1e-3), 'log of (e^-120 + e^-100) / 2'


def test_an_ensemble_is_not_trained(tiny_config):
    with pytest.raises(TrainingError, match='is not trained: train its members one by one'):
        build(tiny_config, WAYS['whole'], members=2).loss(torch.randn(1, 3, 64, 64), [])


@pytest.mark.parametrize('members', [1, 0, -2, 2.0, '3', True, None])
def test_a_number_of_members_that_makes_no_ensemble_is_refused(tiny_config, members):
    cfg = Config.fromfile(tiny_config()).model
    cfg.update(type='VesselEnsemble', members=members)
    with pytest.raises(ConfigError, match=f'members={members!r}, 2 or more'):
        MODELS.build(cfg)


def test_a_checkpoint_of_several_does_not_load_into_one_and_says_what_to_do(tiny_config):
    several, single = build(tiny_config, WAYS['whole'], members=3), build(tiny_config, WAYS['whole'])
    with pytest.raises(CheckpointError, match="an ensemble of 3: set model.type='VesselEnsemble', model.members=3"):
        single.load_state_dict(several.state_dict())
    with pytest.raises(CheckpointError, match="of one network: set model.type='VesselSegmentor'"):
        several.load_state_dict(single.state_dict())
    two = build(tiny_config, WAYS['whole'], members=2)
    with pytest.raises(CheckpointError, match='an ensemble of 3: .*members=3'):
        two.load_state_dict(several.state_dict())
    again = build(tiny_config, WAYS['whole'], seed=9, members=3)
    again.load_state_dict(several.slim_state_dict(several.state_dict()))
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in several.state_dict().items())

import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_fundus.errors import ConfigError
from mmseg_fundus.models import VesselLoss
from mmseg_fundus.models.losses import vessel_cross_entropy, vessel_dice_loss
from mmseg_fundus.models.losses.vessel_loss import soft_skeleton, vessel_cldice_loss

BIG = 50.0  # logits so far apart that the probability is 0 or 1


def logits_of(probabilities):
    p = torch.tensor(probabilities, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    return torch.stack([torch.log(1 - p), torch.log(p)])[None]


@pytest.mark.parametrize(
    'probabilities, label, smooth, expected',
    [
        ([[1.0, 0.0]], [[1, 0]], 0, 0.0),
        ([[0.0, 1.0]], [[1, 0]], 0, 1.0),
        ([[0.5, 0.5]], [[1, 0]], 0, 1 - 2 * 0.5 / 2),
        ([[0.8, 0.6, 0.9]], [[1, 0, 255]], 0, 1 - 2 * 0.8 / (1.4 + 1)),  # the ignored pixel changes nothing
        ([[0.8, 0.6]], [[1, 0]], 1, 1 - (1.6 + 1) / (2.4 + 1)),
        ([[0.0, 0.0]], [[0, 0]], 1, 0.0),  # nothing there, nothing found
        ([[0.5, 0.5]], [[255, 255]], 1, 0.0),  # nothing valid
    ],
)
def test_dice_loss_by_hand(probabilities, label, smooth, expected):
    found = vessel_dice_loss(logits_of(probabilities), torch.tensor([label]), smooth=smooth)
    assert float(found) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    'probabilities, label, expected',
    [
        ([[0.8, 0.6]], [[1, 0]], -(math.log(0.8) + math.log(0.4)) / 2),
        ([[0.8, 0.6, 0.1]], [[1, 0, 255]], -(math.log(0.8) + math.log(0.4)) / 2),
        ([[0.5]], [[255]], 0.0),
    ],
)
def test_cross_entropy_by_hand(probabilities, label, expected):
    assert float(vessel_cross_entropy(logits_of(probabilities), torch.tensor([label]))) == pytest.approx(expected, abs=1e-9)


def test_cross_entropy_of_one_picture_equals_pytorchs():
    logits, label = torch.randn(1, 2, 9, 9), torch.randint(0, 2, (1, 9, 9))
    label[:, :3] = 255
    assert torch.allclose(vessel_cross_entropy(logits, label), F.cross_entropy(logits, label, ignore_index=255))


def test_ignored_pixels_get_no_gradient():
    logits = torch.randn(2, 2, 6, 6, requires_grad=True)
    label = torch.randint(0, 2, (2, 6, 6))
    label[:, 2:4] = 255
    VesselLoss()(logits, label).backward()
    assert logits.grad[:, :, 2:4].abs().max() == 0 and logits.grad[:, :, :2].abs().min() > 0


def test_the_background_does_not_count_as_overlap():
    """An empty prediction loses whatever the share of the background, unlike with a Dice pooled over both classes."""
    label = torch.zeros(1, 100, 100, dtype=torch.long)
    label[0, 0, :50] = 1
    empty = torch.stack([torch.full((100, 100), BIG), torch.zeros(100, 100)])[None]
    assert float(vessel_dice_loss(empty, label)) > 0.97


def test_a_batch_is_the_mean_of_its_pictures_so_accumulation_is_exact():
    logits, label = torch.randn(4, 2, 8, 8), torch.randint(0, 2, (4, 8, 8))
    label[0, :7] = 255
    loss = VesselLoss()
    single = torch.stack([loss(logits[i : i + 1], label[i : i + 1]) for i in range(4)]).mean()
    assert torch.allclose(loss(logits, label), single, atol=1e-6)


def test_terms_are_weighted_and_add_up():
    logits, label = torch.randn(2, 2, 8, 8), torch.randint(0, 2, (2, 8, 8))
    terms = VesselLoss(ce_weight=2.0, dice_weight=0.5).terms(logits, label)
    assert torch.allclose(terms['ce'], 2 * vessel_cross_entropy(logits, label))
    assert torch.allclose(terms['dice'], 0.5 * vessel_dice_loss(logits, label))
    assert set(VesselLoss(ce_weight=0).terms(logits, label)) == {'dice'}


@pytest.mark.parametrize('arguments', [dict(ce_weight=0, dice_weight=0), dict(ce_weight=-1), dict(loss_name='dice')])
def test_meaningless_weights_are_refused(arguments):
    with pytest.raises(ConfigError):
        VesselLoss(**arguments)


def test_one_channel_logits_are_refused():
    with pytest.raises(ConfigError, match='num_classes=2'):
        VesselLoss()(torch.zeros(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long))


def test_focal_loss_by_hand_and_none_at_gamma_0():
    logits, label = logits_of([[0.8, 0.6, 0.1]]), torch.tensor([[[1, 0, 255]]])
    expected = -(0.2**2 * math.log(0.8) + 0.6**2 * math.log(0.4)) / 2
    assert float(vessel_cross_entropy(logits, label, focal_gamma=2.0)) == pytest.approx(expected, abs=1e-9)
    assert torch.equal(vessel_cross_entropy(logits, label, focal_gamma=0.0), vessel_cross_entropy(logits, label))


def test_a_soft_skeleton_is_the_centreline_of_a_bar():
    bar = torch.zeros(1, 1, 15, 30)
    bar[..., 5:10, 3:27] = 1
    skeleton = soft_skeleton(bar, 4)[0, 0]
    assert torch.equal(skeleton.nonzero()[:, 0].unique(), torch.tensor([7])) and float(skeleton.sum()) >= 18


def test_cldice_loss_rewards_the_line_and_not_the_width():
    label = torch.zeros(1, 40, 40, dtype=torch.long)
    label[0, 18:23, :] = 1
    thin, broken = label[0].double(), label[0].double()
    thin[18], thin[22], broken[:, 15:25] = 0, 0, 0
    exact, of_thin, of_broken = (float(vessel_cldice_loss(logits_of(p.tolist()), label)) for p in (label[0].double(), thin, broken))
    assert exact == pytest.approx(0, abs=1e-6) and of_thin == pytest.approx(0, abs=0.02) and of_broken > 0.1
    hidden = label.clone()
    hidden[:, :, 15:25] = 255
    assert float(vessel_cldice_loss(logits_of(broken.tolist()), hidden)) < 0.02


@pytest.mark.parametrize('options', [dict(focal_gamma=0.5), dict(cldice_weight=0.5), dict(focal_gamma=2.0, cldice_weight=1.0)])
def test_the_further_terms_have_finite_gradients_even_for_certain_pixels(options):
    logits = torch.tensor([[50.0, -50.0, 0.0]]).expand(3, 3)
    logits = torch.stack([logits, -logits])[None].clone().requires_grad_()
    terms = VesselLoss(**options).terms(logits, torch.ones(1, 3, 3, dtype=torch.long))
    sum(terms.values()).backward()
    assert torch.isfinite(logits.grad).all() and ('cldice' in terms) == ('cldice_weight' in options)


@pytest.mark.parametrize(
    'options', [dict(cldice_weight=-1), dict(focal_gamma=-1), dict(cldice_iterations=0), dict(ce_weight=0, dice_weight=0)]
)
def test_losses_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match='VesselLoss'):
        VesselLoss(**options)

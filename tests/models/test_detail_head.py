"""The detail path beside the encoder: pictures and maps both count, at any size."""

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from mmseg_fundus.engine import load_config
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.models import VesselDetailHead
from mmseg_fundus.models.decode_heads.local_contrast import local_contrast


def head(**options):
    torch.manual_seed(0)
    return VesselDetailHead(**{**dict(in_channels=6, patch_size=16, loss_decode=dict(type='VesselLoss')), **options})


@pytest.mark.parametrize('widths', [(4,), (4, 5, 6), (12, 24, 48, 48), (3, 4, 5, 6, 7)])
def test_logits_have_the_pictures_resolution_whatever_the_levels(widths):
    logits = head(detail_channels=widths)((torch.randn(2, 6, 2, 3),), torch.randn(2, 3, 32, 48))
    assert logits.shape == (2, 2, 32, 48) and logits.dtype == torch.float32


@pytest.mark.parametrize('widths', [(), (4, 5, 6, 7, 8, 9)])
def test_levels_finer_than_a_pixel_or_none_are_refused(widths):
    with pytest.raises(ConfigError, match='must name 1 to 5 levels'):
        head(detail_channels=widths)


def test_both_the_map_and_the_picture_decide_and_are_trained_on():
    model = head().eval()
    features, picture = torch.randn(1, 6, 2, 2, requires_grad=True), torch.randn(1, 3, 32, 32, requires_grad=True)
    logits = model((features,), picture)
    logits.square().sum().backward()
    assert features.grad.abs().min() > 0 and picture.grad.abs().mean() > 0
    assert not torch.equal(logits, model((features + 1,), picture)) and not torch.equal(logits, model((features,), picture + 1))
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_single_bright_pixel_stays_where_it_is():
    """The path has full resolution: a change of one pixel changes the logits most at or next to it."""
    model = head().eval()
    picture = torch.zeros(1, 3, 32, 32)
    changed = picture.clone()
    changed[0, :, 20, 9] = 3
    features = (torch.zeros(1, 6, 2, 2),)
    difference = (model(features, changed) - model(features, picture)).abs().sum(1)[0]
    row, column = divmod(int(difference.argmax()), 32)
    assert abs(row - 20) <= 2 and abs(column - 9) <= 2


def test_local_contrast_does_not_depend_on_light_and_colour():
    torch.manual_seed(0)
    picture = torch.randn(2, 3, 40, 50)
    contrast = local_contrast(picture, 9)
    gain, offset = torch.tensor([2.0, 0.5, 3.0]).view(1, 3, 1, 1), torch.tensor([1.0, -4.0, 0.3]).view(1, 3, 1, 1)
    assert torch.allclose(local_contrast(picture * gain + offset, 9, smallest=0.0), local_contrast(picture, 9, smallest=0.0), atol=1e-3)
    around = picture[0, 1, 16:25, 26:35]  # of pixel (20, 30); the mean of squares is that of each pixel's own difference
    assert contrast[0, 1, 20, 30].sign() == (picture[0, 1, 20, 30] - around.mean()).sign() and contrast.std() == pytest.approx(1, abs=0.1)
    assert local_contrast(torch.full((1, 1, 20, 20), 7.0), 5).abs().max() < 1e-4


def test_the_path_sees_local_contrast_besides_where_it_is_asked_to():
    model = head(local_contrast=9).eval()
    maps, picture = (torch.zeros(1, 6, 2, 2),), torch.randn(1, 3, 32, 32)
    assert model(maps, picture).shape == (1, 2, 32, 32) and model.down[0][0].conv.in_channels == 6
    both, seen = torch.cat([picture, local_contrast(picture, 9)], dim=1), []
    model.down[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(maps, picture)
    assert torch.equal(seen[0], both)
    for wrong in (4, 1):
        with pytest.raises(ConfigError, match=f'local_contrast={wrong} must be odd'):
            head(local_contrast=wrong)


def test_without_the_maps_the_same_network_is_trained_and_the_encoder_has_no_say():
    """The rows of an ablation: maps zeroed, noise in their place, the detail path alone."""
    maps, other, picture = torch.randn(1, 6, 2, 2, requires_grad=True), torch.randn(1, 6, 2, 2), torch.randn(1, 3, 32, 32)
    full, zeros, noise, alone = (head(context=context).eval() for context in ('maps', 'zeros', 'noise', 'none'))
    assert not torch.equal(full((maps,), picture), full((other,), picture))
    assert torch.equal(zeros((maps,), picture), full((torch.zeros(1, 6, 2, 2),), picture))
    assert torch.equal(zeros((maps,), picture), zeros((other,), picture)) and torch.equal(alone((maps,), picture), alone((other,), picture))
    assert not torch.equal(noise((maps,), picture), noise((maps,), picture))  # drawn anew
    torch.manual_seed(3)
    first = noise((maps,), picture)
    torch.manual_seed(3)
    assert torch.equal(first, noise((other,), picture))
    zeros((maps,), picture).sum().backward()
    assert torch.equal(maps.grad, torch.zeros_like(maps))  # zeros, not none
    size = {model.context: sum(p.numel() for p in model.parameters()) for model in (full, zeros, noise, alone)}
    assert size['maps'] == size['zeros'] == size['noise'] > size['none']


def test_an_unknown_context_is_named():
    with pytest.raises(ConfigError, match="context='maps?' is unknown, use one of maps, zeros, noise, none"):
        head(context='map')


@pytest.fixture
def segmentor(tiny_config):
    options = dict(
        _delete_=True, type='VesselDetailHead', in_channels=16, patch_size=16, detail_channels=(4, 8), loss_decode=dict(type='VesselLoss')
    )
    return MODELS.build(load_config(tiny_config(), {'model.decode_head': options}).model)


@pytest.mark.parametrize('size', [(64, 64), (50, 71), (17, 16)])
def test_pictures_of_any_size_are_padded_for_the_detail_path_as_for_the_encoder(segmentor, size):
    inputs = torch.randn(2, 3, *size)
    logits = segmentor.eval()(inputs)
    assert logits.shape == (2, 2, *size)
    height, width = (-side % 16 for side in size)
    padded = torch.nn.functional.pad(inputs, (0, width, 0, height))
    assert torch.allclose(logits, segmentor(padded)[:, :, : size[0], : size[1]], atol=1e-5)


def test_two_classes_are_fixed():
    with pytest.raises(ConfigError, match='VesselDetailHead: vessels are segmented with two classes'):
        head(num_classes=3)


@pytest.mark.parametrize('window', [3, 9, 33])
def test_windows_are_those_of_pooling_cut_at_the_frame(window):
    torch.manual_seed(0)
    picture, radius = torch.randn(2, 3, 37, 20), window // 2

    def pooled(x):
        return F.avg_pool2d(x, window, 1, radius, count_include_pad=False)

    difference = picture - pooled(picture)
    assert torch.allclose(local_contrast(picture, window), difference / (pooled(difference.square()).sqrt() + 0.05), atol=1e-4)

"""Patches of 14 pixels, and any others: nothing is shifted, squeezed or left out."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tiny import TINY

from mmseg_fundus.engine import load_config
from mmseg_fundus.models import VesselDetailHead, VesselUpsamplingHead
from mmseg_fundus.models.segmentors.windows import blend_windows

LOSS = dict(type='VesselLoss')
DETAIL = dict(_delete_=True, type='VesselDetailHead', in_channels=16, patch_size=None, detail_channels=(4, 8, 8, 8), loss_decode=LOSS)
PATCHES = [*range(4, 33)]


@pytest.fixture
def build(tiny_config):
    """A tiny segmentor of patches of 14, its parts' settings left open."""

    def make(head='upsampling', patch=14, **test_cfg):
        changes = {
            'model.backbone': dict(weights='random', arch=TINY, patch_size=patch, pretrain_size=4 * patch, out_indices=(0, 1, 2, 3)),
            'model.neck.in_channels': None,
            'model.decode_head': DETAIL if head == 'detail' else dict(patch_size=None, stage_channels=None),
            'model.test_cfg': dict(_delete_=True, **test_cfg),
        }
        torch.manual_seed(0)
        model = MODELS.build(load_config(tiny_config(), changes).model).eval()
        with torch.no_grad():
            model.backbone.pos_embed.mul_(8)
        return model

    return make


def ramp(columns, cell, rows=3):
    """A map whose value is the place of the middle of its cells, in pixels."""
    return ((torch.arange(columns) + 0.5) * cell).expand(1, 1, rows, columns)


# ---- heads


@pytest.mark.parametrize('patch', PATCHES)
def test_upsampling_paints_each_value_where_its_cell_lies(patch):
    head = VesselUpsamplingHead(in_channels=1, patch_size=patch, loss_decode=LOSS).eval()
    x = ramp(6, patch)
    for _, upsampling in head.stages:
        x = upsampling(x)
    assert x.shape == (1, 1, 3 * patch, 6 * patch)
    inside = slice(patch, -patch)
    assert torch.allclose(x[0, 0, 0, inside], torch.arange(6.0 * patch)[inside] + 0.5, atol=1e-3)


@pytest.mark.parametrize('levels', [1, 2, 3, 4, 5])
@pytest.mark.parametrize('patch', [4, 7, 11, 12, 14, 16, 23, 31])
def test_maps_join_the_detail_path_where_their_cells_lie(patch, levels):
    """At its deepest level, which sees cells of another size; beyond the outer cells' middles the map goes on as it ends."""
    if levels > (patch - 1).bit_length() + 1:
        return
    head = VesselDetailHead(in_channels=1, patch_size=patch, detail_channels=(2,) * levels, loss_decode=LOSS).eval()
    seen, stride = [], 1 << levels - 1
    head.join.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    logits = head((ramp(6, patch, rows=5),), torch.randn(1, 3, 5 * patch, 6 * patch))
    assert logits.shape == (1, 2, 5 * patch, 6 * patch)
    found = seen[0][0, -1]
    assert found.shape == (-(-5 * patch // stride), -(-6 * patch // stride))
    expected = (ramp(found.shape[1], stride)[0, 0, 0]).clamp(patch / 2, 5.5 * patch)
    assert torch.allclose(found, expected.expand_as(found), atol=1e-3)


@pytest.mark.parametrize('patch', [8, 16, 32])
def test_a_patch_that_halves_evenly_is_computed_as_ever(patch):
    """The plain loop of before, beside the code that takes any patch."""
    torch.manual_seed(0)
    head = VesselDetailHead(in_channels=3, patch_size=patch, detail_channels=(4, 5, 6, 7), loss_decode=LOSS).eval()
    maps, picture = torch.randn(1, 3, 2, 3), torch.randn(1, 3, 2 * patch, 3 * patch)
    x, levels = picture.contiguous(memory_format=torch.channels_last), []
    for convolutions in head.down:
        x = convolutions(F.max_pool2d(x, 2) if levels else x)
        levels.append(x)
    deepest = levels.pop()
    x = head.join(torch.cat([deepest, F.interpolate(maps, size=deepest.shape[2:], mode='bilinear')], dim=1))
    for convolutions, level in zip(head.up, reversed(levels)):
        x = convolutions(torch.cat([F.interpolate(x, size=level.shape[2:], mode='bilinear'), level], dim=1))
    assert torch.equal(head((maps,), picture), head.cls_seg(x))


@pytest.mark.parametrize('head', ['upsampling', 'detail'])
def test_a_head_in_half_precision_takes_patches_of_14(build, head):
    model, x = build(head), torch.randn(1, 3, 60, 45)
    exact = model(x)
    model.precision = 'bfloat16'
    assert 0 < (model(x) - exact).abs().max() < 0.1 * exact.abs().max()


# ---- segmentor


@pytest.mark.parametrize('head', ['upsampling', 'detail'])
@pytest.mark.parametrize('size', [(56, 70), (64, 64), (50, 71), (15, 13), (1, 1)], ids=str)
def test_padding_is_cut_off_not_squeezed_in(build, head, size):
    model, x = build(head), torch.randn(2, 3, *size)
    logits = model(x)
    assert logits.shape == (2, 2, *size)
    height, width = (-side % 14 for side in size)
    padded = F.pad(x, (0, width, 0, height))
    assert torch.allclose(logits, model(padded)[:, :, : size[0], : size[1]], atol=1e-6)


@pytest.mark.parametrize('head, pixels, size, reach', [('upsampling', 14, 224, 42), ('detail', 56, 336, 112)])
def test_a_picture_shifted_by_a_patch_has_shifted_logits(build, head, pixels, size, reach):
    """Without position table a ViT does not know where a patch lies, and a picture rolled round has the same patches.

    By 56 pixels, the patches and the cells of the detail path's deepest level fall on each other again.
    """
    model = build(head)
    with torch.no_grad():
        model.backbone.pos_embed.zero_()
    x = torch.randn(1, 3, size, size)
    rolled = model(x.roll((pixels, pixels), (2, 3)))
    expected = model(x).roll((pixels, pixels), (2, 3))
    rim = slice(pixels + reach, -reach)  # the decoder sees that far over the edge, where the picture was sewn together
    assert expected.std() > 1e-3 and (rolled - expected)[:, :, rim, rim].abs().max() < 1e-4 * expected.std()


@pytest.mark.parametrize('head', ['upsampling', 'detail'])
@pytest.mark.parametrize('pose', [dict(turns=False), True])
def test_poses_of_a_mirrored_picture_are_the_mirrored_poses(build, head, pose):
    model, x = build(head, size=(56, 70), tta=pose), torch.randn(1, 3, 61, 83)
    found, mirrored = (model.inference(picture, [{}]) for picture in (x, x.flip(3)))
    assert torch.allclose(mirrored.flip(3), found, atol=1e-4)


@pytest.mark.parametrize('head', ['upsampling', 'detail'])
@pytest.mark.parametrize('size', [(48, 64), (224, 224), (392, 392), (518, 518)], ids=str)
def test_whole_pictures_are_predicted_at_any_size(build, head, size):
    model, x = build(head, mode='whole', size=size), torch.randn(1, 3, 91, 77)
    expected = F.interpolate(model(F.interpolate(x, size, mode='bilinear', antialias=True)), (91, 77), mode='bilinear')
    assert torch.allclose(model.inference(x, [{}]), expected, atol=1e-5)


@pytest.mark.parametrize('head', ['upsampling', 'detail'])
@pytest.mark.parametrize('window', [(50, 64), (56, 56), (30, 200)], ids=str)
@pytest.mark.parametrize('zoom', [1.0, 1.3])
def test_windows_of_any_size_lie_where_they_were_cut_out(build, head, window, zoom):
    model = build(head, mode='slide', crop_size=window, stride=(20, 30), zoom=zoom)
    x, fov = torch.randn(1, 3, 97, 83), np.ones((97, 83), np.uint8)
    size = tuple(round(side * zoom) for side in x.shape[2:])
    scaled = x if zoom == 1 else F.interpolate(x, size, mode='bilinear', antialias=True)
    expected = blend_windows(lambda tiles, places: model(tiles), scaled, window, (20, 30), 1, None, torch.zeros(2))
    if zoom != 1:
        expected = F.interpolate(expected, (97, 83), mode='bilinear')
    assert torch.allclose(model.inference(x, [dict(fov=fov, field_angle=45)]), expected, atol=1e-4)


@pytest.mark.parametrize('head', ['upsampling', 'detail'])
def test_every_part_of_the_decoder_is_trained_on_crops_that_are_no_multiple(build, head):
    model = build(head).train()
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 2, (1, 50, 71))))
    losses = model.loss(torch.randn(2, 3, 50, 71), [sample, sample])
    (losses['decode.loss_ce'] + losses['decode.loss_dice']).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (not name.startswith('backbone.')), name

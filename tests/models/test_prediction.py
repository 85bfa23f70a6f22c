"""Windows, poses, fields of view and thresholds: how a picture of any size is predicted."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_fundus.errors import ConfigError
from mmseg_fundus.models.segmentors.tta import tta_poses
from mmseg_fundus.models.segmentors.windows import blend_weight, blend_windows, window_starts

SLIDE = dict(mode='slide', crop_size=(64, 64), stride=(40, 40))


@pytest.fixture
def build(tiny_config):
    def make(**test_cfg):
        model = Config.fromfile(tiny_config()).model
        model.test_cfg = test_cfg
        torch.manual_seed(0)
        return MODELS.build(model).eval()

    return make


def predict(model, x, fov=None, label=None, **metainfo):
    samples = []
    for i in range(len(x)):
        metainfo |= dict(ori_shape=tuple(x.shape[2:]), img_shape=tuple(x.shape[2:]))
        samples.append(SegDataSample(metainfo={**metainfo, **({} if fov is None else {'fov': fov[i]})}))
        if label is not None:
            samples[-1].gt_sem_seg = PixelData(data=label[i][None])
    with torch.no_grad():
        return model.predict(x, samples)


def logits_of(samples):
    return torch.stack([sample.seg_logits.data for sample in samples])


def constant(model, value=(0.3, -0.7)):
    """Make the model answer the same logits everywhere, and count the pictures it is asked."""
    model.asked = []

    def encode_decode(inputs, places):
        model.asked.append(tuple(inputs.shape))
        return torch.tensor(value).view(1, 2, 1, 1).expand(len(inputs), 2, *inputs.shape[2:])

    model.encode_decode = encode_decode
    return model


@pytest.mark.parametrize('length, window, stride', [(565, 224, 128), (584, 224, 224), (224, 224, 1), (100, 224, 128), (225, 224, 128)])
def test_windows_cover_the_picture_evenly(length, window, stride):
    starts = window_starts(length, window, stride)
    covered = np.zeros(length, bool)
    for start in starts:
        covered[start : start + window] = True
    assert covered.all() and starts[0] == 0 and starts[-1] == max(length - window, 0)
    assert all(0 < b - a <= stride for a, b in zip(starts, starts[1:]))


@pytest.mark.parametrize('size', [(64, 64), (50, 60), (33, 17)], ids=str)
def test_one_window_over_the_whole_picture_equals_whole_mode(build, size):
    x = torch.randn(2, 3, *size)
    whole, slide = (logits_of(predict(build(**cfg), x)) for cfg in (dict(mode='whole'), SLIDE))
    assert torch.allclose(whole, slide, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize('size', [(565, 584), (999, 960), (700, 605), (301, 1024), (70, 3504), (1, 1)], ids=str)
@pytest.mark.parametrize('cfg', [dict(), dict(zoom=1.37), dict(tta=dict(scales=(1, 0.8)))], ids=str)
def test_the_blend_of_a_constant_is_constant_at_the_pictures_own_size(build, size, cfg):
    model = constant(build(mode='slide', crop_size=(224, 256), stride=(150, 128), **cfg))
    logits = logits_of(predict(model, torch.randn(1, 3, *size)))
    probability = logits.softmax(1)[:, 1]
    assert logits.shape == (1, 2, *size)
    assert torch.allclose(probability, torch.tensor([0.3, -0.7]).softmax(0)[1].expand_as(probability), atol=1e-6)
    if not cfg:
        assert torch.allclose(logits, torch.tensor([0.3, -0.7]).view(1, 2, 1, 1).expand_as(logits), atol=1e-6)


@pytest.mark.parametrize('mode', [dict(mode='whole', size=(64, 64)), SLIDE], ids=['whole', 'slide'])
@pytest.mark.parametrize('size', [(57, 58), (99, 96), (70, 60), (351, 234), (30, 103)], ids=str)
def test_odd_sizes_come_back_at_their_own_size(build, mode, size):
    sample = predict(build(**mode), torch.randn(1, 3, *size))[0]
    assert sample.seg_logits.data.shape == (2, *size) and sample.pred_sem_seg.data.shape == (1, *size)


def test_windows_are_blended_smoothly_between_their_middles():
    x = torch.zeros(1, 3, 64, 160)
    answers = iter((torch.zeros(1, 2, 64, 64), torch.ones(1, 2, 64, 64), torch.zeros(1, 2, 64, 64)))
    blended = blend_windows(lambda tile, corners: next(answers), x, (64, 64), (64, 48), 1, None, torch.zeros(2))[0, 0]
    assert (blended[:, :48] == 0).all() and blended[:, 64:96].min() == 1 and blended[0, 48:64].diff().abs().max() < 0.12
    assert blend_weight(8, 6).min() > 0 and blend_weight(9, 9)[4, 4] == pytest.approx(1, abs=3e-3)


def test_windows_run_in_batches_of_any_picture_and_the_answer_stays(build):
    x = torch.randn(2, 3, 100, 130)
    one, many = build(**SLIDE, window_batch=1), build(**SLIDE, window_batch=7)
    assert torch.allclose(logits_of(predict(one, x)), logits_of(predict(many, x)), atol=1e-5)
    counted = constant(build(**SLIDE, window_batch=7))
    predict(counted, x)
    windows = 2 * len(window_starts(100, 64, 40)) * len(window_starts(130, 64, 40))
    assert [shape[0] for shape in counted.asked] == [7] * (windows // 7) + ([windows % 7] if windows % 7 else [])


def test_windows_outside_the_field_of_view_are_not_computed_and_nothing_is_found_there(build):
    fov = np.zeros((1, 64, 192), np.uint8)
    fov[:, 20:40, 5:30] = 1
    model = constant(build(mode='slide', crop_size=(64, 64), stride=(64, 64)), value=(-1.0, 1.0))
    sample = predict(model, torch.randn(1, 3, 64, 192), fov)[0]
    assert model.asked == [(1, 3, 64, 64)]
    assert np.array_equal(sample.pred_sem_seg.data[0].numpy(), fov[0])
    assert sample.seg_logits.data.softmax(0)[1][0, 0] < 1e-8


def test_the_box_around_the_field_of_view_is_predicted_and_pasted_back(build):
    x, fov = torch.randn(1, 3, 100, 120), np.zeros((1, 100, 120), np.uint8)
    fov[:, 20:84, 40:88] = 1
    pasted = predict(build(mode='whole', size=(32, 32), crop_to_fov=True), x, fov)[0].seg_logits.data
    alone = predict(build(mode='whole', size=(32, 32)), x[:, :, 20:84, 40:88])[0].seg_logits.data
    assert pasted.shape == (2, 100, 120) and torch.allclose(pasted[:, 20:84, 40:88], alone, atol=1e-5)
    assert (pasted[0] > pasted[1])[torch.from_numpy(fov[0]) == 0].all()


def test_slide_zoom_is_the_prediction_of_the_enlarged_picture(build):
    x = torch.randn(1, 3, 60, 50)
    zoomed = logits_of(predict(build(**SLIDE, zoom=2.0), x))
    large = logits_of(predict(build(**SLIDE), F.interpolate(x, (120, 100), mode='bilinear', antialias=True)))
    assert torch.allclose(zoomed, F.interpolate(large, (60, 50), mode='bilinear'), atol=1e-5)


def test_pictures_are_predicted_at_so_many_pixels_to_a_degree_of_their_field_of_view(build):
    x, fov = torch.randn(2, 3, 90, 120), np.zeros((2, 90, 120), np.uint8)
    fov[0, 10:70, 20:80] = 1  # 60 across, enlarged twice
    fov[1, 5:85, 0:120] = 1  # 120 across, as it is
    both = predict(build(**SLIDE, pixels_per_degree=4), x, fov, field_angle=30)
    for i, zoom in enumerate((2.0, 1.0)):
        alone = predict(build(**SLIDE, zoom=zoom), x[i : i + 1], fov[i : i + 1])[0]
        assert torch.allclose(both[i].seg_logits.data, alone.seg_logits.data, atol=1e-5), i
    kept = predict(build(**SLIDE, pixels_per_degree=(1, 3)), x, fov, field_angle=30)  # 2 and 4 pixels to a degree of their own
    for i, zoom in enumerate((1.0, 0.75)):
        alone = predict(build(**SLIDE, zoom=zoom), x[i : i + 1], fov[i : i + 1])[0]
        assert torch.allclose(kept[i].seg_logits.data, alone.seg_logits.data, atol=1e-5), i
    scaled = logits_of(predict(build(**SLIDE, pixels_per_degree=4), x))
    assert torch.equal(scaled, logits_of(predict(build(**SLIDE), x))), 'without a field of view nothing is scaled'


@pytest.mark.parametrize(
    'setting, count', [(False, 1), (True, 8), (dict(turns=False), 4), (dict(flips=False), 4), (dict(scales=(1, 1.5)), 16)]
)
def test_poses_are_all_different_and_undone(setting, count):
    x = torch.randn(1, 2, 6, 4)
    poses = tta_poses(setting)
    assert len(poses) == len(set(poses)) == count
    seen = {(pose.scale, pose.apply(x).shape, pose.apply(x).sum(1).flatten()[:5].numpy().tobytes()) for pose in poses}
    assert len(seen) == count and all(torch.equal(pose.undo(pose.apply(x)), x) for pose in poses)


@pytest.mark.slow
@pytest.mark.parametrize('mode', [dict(mode='whole', size=(48, 64)), SLIDE, dict(mode='whole')], ids=['whole', 'slide', 'own size'])
def test_augmented_prediction_is_the_mean_probability_of_all_poses(build, mode):
    x = torch.randn(1, 3, 70, 90)
    mean = 0
    for turns in range(4):
        for mirror in (False, True):
            view = torch.rot90(x.flip(3) if mirror else x, turns, (2, 3))
            size = mode.get('size')
            probability = logits_of(predict(build(**{**mode, **({'size': size[::-1]} if size and turns % 2 else {})}), view)).softmax(1)
            probability = torch.rot90(probability, -turns, (2, 3))
            mean = mean + (probability.flip(3) if mirror else probability) / 8
    found = predict(build(**mode, tta=True), x)[0]
    assert torch.allclose(found.seg_logits.data.softmax(0), mean[0], atol=1e-5)
    assert torch.equal(found.pred_sem_seg.data[0] == 1, mean[0, 1] > 0.5)


def test_the_threshold_decides_and_the_probability_stays(build):
    x = torch.randn(1, 3, 64, 64)
    usual, low = (predict(build(mode='whole', threshold=t), x)[0] for t in (0.5, 0.2))
    probability = usual.seg_logits.data.softmax(0)[1]
    assert torch.equal(usual.seg_logits.data, low.seg_logits.data)
    assert torch.equal(usual.pred_sem_seg.data[0] == 1, probability > 0.5) and torch.equal(low.pred_sem_seg.data[0] == 1, probability > 0.2)


def test_the_loss_of_a_picture_is_that_of_its_field_of_view(build):
    x, label = torch.randn(1, 3, 64, 64), torch.randint(0, 2, (1, 64, 64))
    fov = np.ones((1, 64, 64), np.uint8)
    fov[:, :30] = 0
    label[:, :30] = 255
    model = build(mode='whole')
    found = predict(model, x, fov, label)[0].val_loss
    with torch.no_grad():
        expected = model.decode_head.loss_decode.terms(model._forward(x), label)
    assert found == pytest.approx({name: float(value) for name, value in expected.items()}, abs=1e-5)


@pytest.mark.parametrize(
    'cfg, words',
    [
        (dict(mode='slides'), "expected 'whole' or 'slide'"),
        (dict(mode='slide'), 'needs crop_size and stride'),
        (dict(mode='slide', crop_size=(64, 64), stride=(65, 64)), 'stride no larger'),
        (dict(**SLIDE, zoom=0), 'zoom must be above 0'),
        (dict(**SLIDE, pixels_per_degree=0), 'pixels_per_degree=0 must be a number above 0'),
        (dict(**SLIDE, pixels_per_degree=(20, 12)), 'must be a number above 0, or two: the least and the most'),
        (dict(**SLIDE, pixels_per_degree=(12, 16, 20)), 'must be a number above 0, or two: the least and the most'),
        (dict(**SLIDE, pixels_per_degree='12'), 'must be a number above 0, or two: the least and the most'),
        (dict(mode='whole', size=(64, 64), pixels_per_degree=12), "needs mode='slide' or size=None"),
        (dict(threshold=1.0), 'threshold=1.0 must lie in'),
        (dict(tta=dict(flip=True)), "expected True, False, 'flips' or dict"),
        (dict(tta=dict(scales=())), 'must all be above 0'),
        (dict(sizes=1), "has no \\['sizes'\\]"),
    ],
    ids=str,
)
def test_contradictions_in_test_cfg_are_refused(build, cfg, words):
    with pytest.raises(ConfigError, match=words):
        build(**cfg)

import numpy as np
import pytest

from mmseg_fundus.datasets import RandomFundusView
from mmseg_fundus.errors import ConfigError

STILL = dict(flip=0, rotate=0, scale=(1, 1), brightness=0, contrast=0)


def sample(height=60, width=40):
    """A picture whose red channel is its label, so that both must move together."""
    rng = np.random.default_rng(0)
    label = np.kron(rng.integers(0, 2, (height // 10, width // 10)), np.ones((10, 10))).astype(np.uint8)
    picture = np.stack([label * 200, np.full_like(label, 50), np.full_like(label, 100)], axis=-1)
    return dict(img=picture, gt_seg_map=label, seg_fields=['gt_seg_map'])


def test_nothing_random_and_the_same_size_changes_nothing():
    before, after = sample(), RandomFundusView(size=(60, 40), **STILL)(sample())
    assert np.array_equal(before['img'], after['img']) and np.array_equal(before['gt_seg_map'], after['gt_seg_map'])


@pytest.mark.parametrize(
    'change', [dict(flip=1), dict(rotate=90), dict(rotate=15), dict(scale=(0.5, 0.7)), dict(scale=(1.3, 2.0)), dict(size=(37, 91))], ids=str
)
def test_label_follows_the_picture(change):
    np.random.seed(1)
    view = RandomFundusView(**{**dict(size=(60, 40)), **STILL, **change})
    for _ in range(5):
        out = view(sample())
        assert out['img'].shape[:2] == out['gt_seg_map'].shape == view.size and out['img'].dtype == np.uint8
        inside = out['gt_seg_map'] != 255
        assert inside.mean() > 0.2
        agree = (out['img'][:, :, 0] > 100)[inside] == (out['gt_seg_map'] == 1)[inside]
        assert agree.mean() > 0.93  # the rest are blurred edges


def test_flips_go_both_ways_with_their_probability():
    np.random.seed(0)
    view = RandomFundusView(size=(60, 40), **{**STILL, 'flip': 0.5})
    original = sample()['gt_seg_map']
    candidates = [original, original[:, ::-1], original[::-1], original[::-1, ::-1]]
    seen = [next(i for i, c in enumerate(candidates) if np.array_equal(c, view(sample())['gt_seg_map'])) for _ in range(0)]
    for _ in range(200):
        out = view(sample())['gt_seg_map']
        seen.append(next(i for i, c in enumerate(candidates) if np.array_equal(c, out)))
    assert min(seen.count(i) for i in range(4)) > 25


def test_what_was_not_in_the_picture_is_ignored_by_loss_and_metrics():
    out = RandomFundusView(size=(60, 40), **{**STILL, 'scale': (0.5, 0.5)})(sample())
    outside = out['gt_seg_map'] == 255
    assert outside.mean() == pytest.approx(0.75) and (out['img'][outside] == 0).all()


def test_brightness_and_contrast_leave_the_label_alone():
    np.random.seed(0)
    view = RandomFundusView(size=(60, 40), **{**STILL, 'brightness': 0.3, 'contrast': 0.3})
    means = []
    for _ in range(100):
        out = view(sample())
        assert np.array_equal(out['gt_seg_map'], sample()['gt_seg_map'])
        means.append(out['img'].mean() / sample()['img'].mean())
    assert 0.65 < min(means) < 0.8 and 1.2 < max(means) < 1.35


def test_large_pictures_are_scaled_down_without_aliasing():
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the result can show: grey, not stripes
    out = RandomFundusView(size=(64, 64), **STILL)(dict(img=stripes))
    assert np.abs(out['img'].astype(int) - 127).max() < 20


def test_the_seed_decides():
    view = RandomFundusView(size=(60, 40))
    results = []
    for seed in (3, 3, 4):
        np.random.seed(seed)
        results.append(view(sample())['img'])
    assert np.array_equal(results[0], results[1]) and not np.array_equal(results[0], results[2])


@pytest.mark.parametrize('arguments', [dict(size=(0, 5)), dict(scale=(2, 1)), dict(flip=2), dict(rotate=-1), dict(brightness=3)], ids=str)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ConfigError):
        RandomFundusView(**arguments)

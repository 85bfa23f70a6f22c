from collections import Counter

import numpy as np
import pytest

from mmseg_fundus.datasets import RandomFundusView
from mmseg_fundus.datasets.random_view import _drawn_from
from mmseg_fundus.datasets.views import Drawn
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


CROP = dict(size=(24, 16), zoom=1.0, **STILL)


def test_a_crop_at_native_scale_is_a_piece_of_the_picture_unchanged():
    rng = np.random.default_rng(0)
    picture, label = rng.integers(0, 256, (60, 50, 3), np.uint8), rng.integers(0, 2, (60, 50), np.uint8)
    corners = set()
    for seed in range(40):
        out = RandomFundusView(**CROP)(dict(img=picture, gt_seg_map=label, view=Drawn('picture', seed)))
        places = [(y, x) for y in range(37) for x in range(35) if np.array_equal(picture[y : y + 24, x : x + 16], out['img'])]
        assert len(places) == 1
        (y, x) = places[0]
        assert np.array_equal(label[y : y + 24, x : x + 16], out['gt_seg_map'])
        corners.add((y, x))
    assert len(corners) > 30 and min(corners)[0] < 5 and max(corners)[0] > 30


def test_crops_look_at_the_field_of_view():
    label = np.full((200, 300), 255, np.uint8)
    label[20:60, 240:280] = 0
    for seed in range(20):
        out = RandomFundusView(size=(32, 32), zoom=1.0)(
            dict(img=np.zeros((200, 300, 3), np.uint8), gt_seg_map=label, view=Drawn('picture', seed))
        )
        assert (out['gt_seg_map'] != 255).mean() > 0.2


@pytest.mark.parametrize('zoom', [0.5, 2.0])
def test_zoom_is_the_number_of_input_pixels_to_a_native_one(zoom):
    stripes = np.repeat((np.arange(120) // 20 % 2).astype(np.uint8)[None], 100, axis=0)
    view = RandomFundusView(size=(40, 40), zoom=zoom, **STILL)
    out = view(dict(img=np.repeat(stripes[..., None] * 255, 3, 2), gt_seg_map=stripes, view=Drawn('picture', 1)))
    edges = np.flatnonzero(np.diff(out['gt_seg_map'][20].astype(int)))
    assert set(np.diff(edges)) <= {20 * zoom - 1, 20 * zoom, 20 * zoom + 1} and (len(edges) > 1 or zoom == 2)


@pytest.mark.parametrize(
    'density, angle, factor',
    [
        (1, 40, 0.5),
        (4, 40, 2.0),
        (2, 40.5, 1.0),
        (4, 20, 1.0),
        ((1, 3), 40, 1.0),
        ((0.5, 1), 40, 0.5),
        ((4, 6), 40, 2.0),
        ([3, 3], 20, 0.75),
    ],
)
def test_crops_are_drawn_at_so_many_pixels_to_a_degree(density, angle, factor):
    """80 pixels across here; nearly 1 is 1, and between two bounds too: nothing is resampled."""
    stripes = np.repeat((np.arange(120) // 20 % 2).astype(np.uint8)[None], 100, axis=0)
    stripes[:, 80:] = 255
    view = RandomFundusView(size=(30, 30), zoom=1.0, pixels_per_degree=density, **STILL)
    before = dict(img=np.repeat(stripes[:80, :, None] * 80, 3, 2), gt_seg_map=stripes[:80], field_angle=angle)
    expected = RandomFundusView(size=(30, 30), zoom=factor, **STILL)
    for seed in range(5):
        found, same = (drawn(dict(before, view=Drawn('picture', seed))) for drawn in (view, expected))
        assert np.array_equal(found['img'], same['img']) and np.array_equal(found['gt_seg_map'], same['gt_seg_map'])


def test_a_label_that_is_made_smaller_keeps_what_covers_most_of_a_pixel():
    """Vessels of three pixels, a fifth of the size: the nearest pixel is a matter of luck, most of what is covered is not."""
    label = np.zeros((200, 200), np.uint8)
    label[:, 100:103] = 1
    label[:20] = 255
    before = dict(img=np.repeat(label[..., None], 3, 2), gt_seg_map=label, view=Drawn('picture', 3))
    settings = dict(STILL, size=(40, 40), zoom=0.2)
    out = RandomFundusView(**settings, label_scaling='antialiased')(before.copy())['gt_seg_map']
    nearest = RandomFundusView(**settings)(before.copy())['gt_seg_map']
    assert np.array_equal(out == 255, nearest == 255) and set(np.unique(out)) == {0, 1, 255}
    assert (out[nearest != 255] == 1).mean() == pytest.approx(1 / 40, abs=0.01)  # the one column of which it covers three fifths
    with pytest.raises(ConfigError, match="label_scaling='linear'"):
        RandomFundusView(label_scaling='linear')


@pytest.mark.parametrize(
    'change', [dict(brightness=0.3), dict(contrast=0.3), dict(colour=0.3), dict(gamma=0.4), dict(blur=1.5), dict(noise=8.0)], ids=str
)
def test_the_look_of_a_camera_changes_the_picture_alone_within_its_bounds(change):
    before, looks = sample(), set()
    for seed in range(30):
        out = RandomFundusView(**{**STILL, 'size': before['img'].shape[:2], **change})(dict(before, view=Drawn('picture', seed)))
        again = RandomFundusView(**{**STILL, 'size': before['img'].shape[:2], **change})(dict(before, view=Drawn('picture', seed)))
        assert np.array_equal(out['gt_seg_map'], before['gt_seg_map']) and np.array_equal(out['img'], again['img'])
        looks.add(out['img'].tobytes())
        ratio = out['img'].astype(float).mean((0, 1)) / before['img'].mean((0, 1))
        if 'brightness' in change or 'colour' in change:
            assert ratio.min() > 0.69 and ratio.max() < 1.31
            assert ('colour' in change) or np.ptp(ratio) < 0.05, 'one gain for all channels'
    assert len(looks) > 5
    with pytest.raises(ConfigError, match=f'RandomFundusView: {next(iter(change))}=-1 must lie in'):
        RandomFundusView(**dict.fromkeys(change, -1))


def test_a_picture_smaller_than_the_crop_is_padded_and_the_padding_ignored():
    out = RandomFundusView(**{**CROP, 'size': (40, 48)})(
        dict(img=np.full((20, 30, 3), 9, np.uint8), gt_seg_map=np.zeros((20, 30), np.uint8))
    )
    assert ((out['gt_seg_map'] == 0).sum(), (out['img'][..., 0] == 9).sum()) == (600, 600) and (
        out['gt_seg_map'] == 255
    ).sum() == 40 * 48 - 600


@pytest.mark.parametrize(
    'change', [dict(zoom=1.3, rotate=20), dict(zoom=0.8, quarter_turns=True), dict(quarter_turns=True, flip=0.5)], ids=str
)
def test_label_follows_the_picture_through_crops_and_turns(change):
    view = RandomFundusView(**{**STILL, **dict(size=(32, 32)), **change})
    for seed in range(8):
        out = view(dict(sample(), view=Drawn('picture', seed)))
        inside = out['gt_seg_map'] != 255
        agree = (out['img'][:, :, 0] > 100)[inside] == (out['gt_seg_map'] == 1)[inside]
        assert inside.mean() > 0.3 and agree.mean() > 0.92


def test_quarter_turns_are_drawn_evenly():
    before = dict(img=np.arange(27, dtype=np.uint8).reshape(3, 3, 3), gt_seg_map=np.zeros((3, 3), np.uint8))
    view = RandomFundusView(**STILL, size=(3, 3), quarter_turns=True)
    seen = [view(dict(before, view=Drawn('picture', seed)))['img'].tobytes() for seed in range(40)]
    assert {np.rot90(before['img'], k).tobytes() for k in range(4)} == set(seen)


@pytest.mark.parametrize(
    'arguments',
    [
        dict(zoom=0),
        dict(quarter_turns=True, size=(3, 4)),
        dict(pixels_per_degree=12),
        dict(zoom=1.0, pixels_per_degree=0),
        dict(zoom=1.0, pixels_per_degree=(3, 2)),
    ],
    ids=str,
)
def test_contradicting_crops_are_refused(arguments):
    with pytest.raises(ConfigError, match='RandomFundusView'):
        RandomFundusView(**arguments)


def test_cropping_to_the_field_of_view_begins_with_its_box():
    before = sample()
    before['gt_seg_map'][:, :10] = before['gt_seg_map'][40:] = 255
    cut = dict(img=before['img'][:40, 10:], gt_seg_map=before['gt_seg_map'][:40, 10:])
    view = dict(size=(32, 32), **STILL)
    cropped, expected = RandomFundusView(**view, crop_to_fov=True)(dict(before)), RandomFundusView(**view)(cut)
    assert np.array_equal(cropped['img'], expected['img']) and np.array_equal(cropped['gt_seg_map'], expected['gt_seg_map'])


def test_crops_are_drawn_around_every_pixel_inside_equally_often():
    inside = np.zeros((5, 7), bool)
    inside[1, 2:4] = inside[3, 6] = True
    drawn = Counter(_drawn_from(inside, np.random.default_rng(seed)) for seed in range(300))
    assert set(drawn) == {(1, 2), (1, 3), (3, 6)} and min(drawn.values()) > 70
    assert _drawn_from(np.zeros((5, 7), bool), np.random.default_rng(0)) is None

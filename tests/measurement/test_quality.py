"""Quality of a photograph and of its prediction, without a label: of drawn eyes, and of blurred, dark, covered and cropped copies."""

import cv2
import numpy as np
import pytest

from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.measurement import picture_quality, quality_flags
from mmseg_fundus.measurement.quality import expected_dice

SIDE = 512


@pytest.fixture(scope='module')
def eye():
    """Photograph, field of view, and a probability map that is right: as many of the pixels of a value are vessel as it says."""
    picture, label, fov = synthetic_fundus(0, SIDE)
    inside = fov > 0
    return picture, inside, np.where(label > 0, 0.9, 0.02).astype(np.float32) * inside


def covered(picture, value):
    copy = picture.copy()
    copy[180:330, 150:320] = value
    return copy


def test_a_drawn_eye_has_no_flags(eye):
    quality = picture_quality(*eye)
    assert quality_flags(quality) == [] and quality['readable_share'] == 1
    assert list(quality) == ['expected_dice', 'readable_share', 'blur', 'brightness', 'unevenness', 'roundness']
    assert 'expected_dice' not in picture_quality(*eye[:2])


@pytest.mark.parametrize(
    'spoil, flag',
    [
        (lambda picture: cv2.GaussianBlur(picture, (0, 0), 6), 'blurred'),
        (lambda picture: (picture * 0.2).astype(np.uint8), 'dark'),
        (lambda picture: np.maximum(picture, 240), 'bright'),
        (lambda picture: covered(picture, 0), 'partly unreadable'),
        (lambda picture: covered(picture, 128), 'partly unreadable'),
        (lambda picture: covered(picture, 255), 'partly unreadable'),
        (lambda picture: (picture * np.linspace(0, 1.4, SIDE)[:, None] ** 2).clip(0, 255).astype(np.uint8), 'unevenly lit'),
    ],
)
def test_a_spoilt_copy_is_flagged(eye, spoil, flag):
    picture, fov, probability = eye
    assert flag in quality_flags(picture_quality(spoil(picture), fov, probability))


def test_half_an_eye_is_cropped(eye):
    picture, fov, _ = eye
    assert quality_flags(picture_quality(picture[:, : SIDE // 2], fov[:, : SIDE // 2])) == ['cropped: its scale is uncertain']
    assert quality_flags(picture_quality(picture[100:-100, 100:-100])) == []  # the whole frame, as was asked for


def test_covering_costs_what_cannot_be_found(eye):
    picture, fov, probability = eye
    whole = picture_quality(picture, fov, probability)['expected_dice']
    assert picture_quality(covered(picture, 128), fov, probability)['expected_dice'] < whole - 0.05


def test_expected_dice_is_the_mean_dice_of_labels_drawn_from_the_probabilities():
    rng = np.random.default_rng(0)
    probability = rng.beta(0.3, 1.2, (200, 200)).astype(np.float32)
    fov = np.ones(probability.shape, bool)
    found = []
    for threshold in (0.2, 0.5, 0.8):
        mask = probability > threshold
        labels = [rng.random(probability.shape) < probability for _ in range(20)]
        found.append(np.mean([2 * (mask & label).sum() / (mask.sum() + label.sum()) for label in labels]))
        assert expected_dice(probability, mask, fov) == pytest.approx(found[-1], abs=0.003)
    assert np.isnan(expected_dice(np.zeros((4, 4)), np.zeros((4, 4), bool), np.ones((4, 4), bool)))


def test_a_large_photograph_is_judged_at_the_scale_of_a_small_one(eye):
    picture, fov, probability = eye
    larger = [cv2.resize(one.astype(np.uint8), (0, 0), fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for one in (picture, fov)]
    small, large = picture_quality(picture, fov), picture_quality(larger[0], larger[1] > 0)
    for name, value in small.items():
        assert large[name] == pytest.approx(value, abs=0.06), name


@pytest.mark.parametrize(
    'change, error, message',
    [
        (dict(picture=np.zeros((9, 9), np.uint8)), DataError, r'picture: \(H, W, 3\) of uint8 was expected, got \(9, 9\) of uint8'),
        (dict(picture=np.zeros((9, 9, 3))), DataError, 'of float64'),
        (dict(fov=np.ones((9, 8))), DataError, r'picture \(9, 9\) and field of view \(9, 8\) differ in size'),
        (dict(fov=np.zeros((9, 9))), DataError, 'the field of view is empty'),
        (dict(probability=np.zeros((8, 9))), DataError, r'probability \(8, 9\) and field of view \(9, 9\) differ'),
        (dict(threshold=1.0), ConfigError, r'threshold=1.0 must lie in \[0, 1\)'),
    ],
)
def test_unusable_input_is_refused(change, error, message):
    given = dict(picture=np.zeros((9, 9, 3), np.uint8), fov=np.ones((9, 9)), probability=np.zeros((9, 9)), threshold=0.5)
    with pytest.raises(error, match=message):
        picture_quality(**{**given, **change})


def test_a_black_frame_of_a_few_pixels_has_quality():
    quality = picture_quality(np.zeros((3, 4, 3), np.uint8))
    assert quality['readable_share'] == 0 and quality['brightness'] == 0
    assert {'partly unreadable', 'dark'} <= set(quality_flags(quality))

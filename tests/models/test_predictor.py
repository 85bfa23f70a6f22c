"""Prediction of made-up pictures by a made-up network, against values of the code before it was moved into a room of its own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmseg_fundus.classes import OUTSIDE
from mmseg_fundus.models.segmentors.predictor import Predictor

SLIDE = dict(mode='slide', crop_size=(32, 40), stride=(20, 24))


def pictures():
    y, x = torch.meshgrid(torch.arange(61.0), torch.arange(77.0), indexing='ij')
    return torch.stack([torch.stack([torch.sin((0.1 + 0.05 * c + 0.03 * n) * x - 0.17 * y) for c in range(3)]) for n in range(2)])


def metas():
    fov = np.zeros((2, 61, 77), np.uint8)
    fov[0, 8:50, 12:70] = 1
    fov[1, 20:, :44] = 1
    return [dict(fov=fov[i], field_angle=30 + 15 * i) for i in range(2)]


def network(inputs, places):
    assert len(inputs) == len(places)
    blurred = F.avg_pool2d(inputs, 5, 1, 2, count_include_pad=False)
    return torch.stack([3 * blurred[:, 0] - inputs[:, 1], blurred[:, 2] * 2 + F.max_pool2d(inputs, 3, 1, 1)[:, 0]], dim=1)


def summary(logits):
    """Mean, mean of absolute values, and two pixels' log odds of vessel."""
    odds = logits[:, 1] - logits[:, 0]
    return [round(float(value), 5) for value in (logits.mean(), logits.abs().mean(), odds[0, 30, 40], odds[1, 40, 20])]


# name: test_cfg, whether the fields of view are known, summary
RECORDED = {
    'own size': (dict(), True, [0.03463, 6.18685, 3.06289, -2.94995]),
    'whole, no field of view': (dict(size=(40, 48)), False, [0.09791, 1.52566, 2.91827, -2.52688]),
    'whole': (dict(size=(40, 48)), True, [0.05572, 6.12687, 2.91827, -2.52688]),
    'box': (dict(size=(40, 48), crop_to_fov=True), True, [0.03552, 6.17762, 3.03568, -2.93345]),
    'box at its size': (dict(crop_to_fov=True), True, [0.03384, 6.18783, 3.06289, -2.94995]),
    'windows': (dict(SLIDE), True, [0.03463, 6.18685, 3.06384, -2.94995]),
    'zoomed, no field of view': (dict(SLIDE, zoom=1.37, window_batch=3), False, [0.02893, 1.68603, 3.05648, -3.05687]),
    'zoomed': (dict(SLIDE, zoom=1.37, window_batch=3), True, [0.02379, 6.19818, 3.05648, -3.05687]),
    'smaller': (dict(SLIDE, zoom=0.6), True, [0.0596, 6.11564, 2.93682, -2.44977]),
    'windows of a box': (dict(SLIDE, crop_to_fov=True), True, [0.03383, 6.18784, 3.06289, -2.94995]),
    'at a density': (dict(SLIDE, pixels_per_degree=2.5), True, [0.01861, 6.20365, 3.06614, -3.1952]),
    'all at once': (
        dict(SLIDE, pixels_per_degree=1.5, zoom=1.2, crop_to_fov=True, tta=dict(scales=(1, 0.8))),
        True,
        [-0.50953, 5.99601, 3.00388, -3.11142],
    ),
    'averaged': (dict(size=(40, 48), tta=True), True, [-0.48314, 5.96962, 2.91827, -2.52688]),
    'averaged windows, no field of view': (dict(SLIDE, tta=dict(turns=False)), False, [-1.05407, 1.05407, 3.06384, -2.95043]),
    'averaged windows': (dict(SLIDE, tta=dict(turns=False)), True, [-0.51048, 5.99696, 3.06384, -2.95043]),
    'one scale': (dict(tta=dict(flips=False, turns=False, scales=(1.3,))), True, [0.02547, 6.19583, 3.06613, -3.04188]),
}


@pytest.mark.parametrize('name', RECORDED)
def test_logits_are_those_of_before(name):
    test_cfg, known, wanted = RECORDED[name]
    found = Predictor(network, test_cfg).predict(pictures(), metas() if known else [{}, {}])
    assert found.shape == (2, 2, 61, 77) and summary(found) == pytest.approx(wanted, abs=1e-4)


def test_places_say_what_was_cut_out_and_scaled():
    """Each input is the part of its picture that its place says."""
    asked = []

    def remember(inputs, places):
        asked.extend(zip(inputs, places))
        return network(inputs, places)

    for test_cfg in (
        dict(),
        dict(size=(40, 48)),
        dict(size=(40, 48), crop_to_fov=True),
        SLIDE,
        dict(SLIDE, zoom=1.3),
        dict(SLIDE, crop_to_fov=True),
    ):
        asked.clear()
        Predictor(remember, test_cfg).predict(pictures(), metas())
        assert asked
        for tile, place in asked:
            top, left, height, width = place.box
            part = place.picture.values[None, :, top : top + height, left : left + width]
            if part.shape[2:] != place.size:
                part = F.interpolate(part, size=place.size, mode='bilinear', antialias=True)
            top, left, height, width = place.window
            assert torch.allclose(tile, part[0, :, top : top + height, left : left + width], atol=1e-5) and place.pose is None
    numbers = {id(place.picture) for _, place in asked}
    assert len(numbers) == 2, 'one picture is one object, for all of its windows'


def test_poses_of_an_average_are_said():
    poses = []
    Predictor(lambda x, places: (poses.extend(place.pose for place in places), network(x, places))[1], dict(tta=True)).predict(
        pictures()[:1], [{}]
    )
    assert len(set(poses)) == 8 and None not in poses


def test_outside_the_field_of_view_is_background():
    found = Predictor(network, dict(SLIDE)).predict(pictures(), metas())
    outside = torch.from_numpy(np.stack([meta['fov'] for meta in metas()])) == 0
    assert all((found[:, i][outside] == value).all() for i, value in enumerate(OUTSIDE)) and OUTSIDE == (10.0, -10.0)

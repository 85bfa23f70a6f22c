"""Each vessel by itself: as many as were drawn, where they were drawn, as wide as they were drawn, to a fraction of a pixel."""

import math

import numpy as np
import pytest

from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.measurement import measure_segments, measure_vessels

SIDE = 160


def soft_bar(angle, width, taper=0.0):
    """Share of each pixel that a bar of 100 pixels covers, ``width`` wide in the middle and ``taper`` wider or narrower at its ends."""
    fine = (np.arange(SIDE * 8) + 0.5) / 8 - 0.5 - SIDE / 2
    row, column = np.meshgrid(fine, fine, indexing='ij')
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along, across = column * cos + row * sin, row * cos - column * sin
    inside = (abs(along) <= 50) & (abs(across) <= (width + taper * along / 50) / 2)
    return inside.reshape(SIDE, 8, SIDE, 8).mean((1, 3)).astype(np.float32)


@pytest.mark.parametrize('width', [3.3, 5.0, 7.6])
@pytest.mark.parametrize('angle', [0, 20, 45, 90, 118])
def test_a_width_is_found_between_pixels_from_probabilities_and_nearly_so_from_a_mask(width, angle):
    soft = soft_bar(angle, width)
    (one,) = measure_segments(soft > 0.5, probability=soft)
    assert one['mean_width_px'] == pytest.approx(width, abs=0.3) and one['sd_width_px'] < 0.2
    (one,) = measure_segments(soft > 0.5)
    assert one['mean_width_px'] == pytest.approx(width, abs=0.7)


def test_a_tapering_vessel_has_a_deviation_and_its_place():
    soft = soft_bar(0, 8, taper=4)
    (one,) = measure_segments(soft > 0.5, probability=soft, micrometres_per_pixel=2)
    assert one['mean_width_um'] == pytest.approx(16, abs=0.4) and one['sd_width_um'] == pytest.approx(2 * 4 / math.sqrt(3), rel=0.15)
    assert one['length_um'] == pytest.approx(200, abs=3) and one['tortuosity'] == pytest.approx(1, abs=0.01)
    ends = sorted((one[f'{end}_column'], one[f'{end}_row']) for end in ('first', 'last'))
    assert ends == [pytest.approx((SIDE / 2 - 50, SIDE / 2), abs=1.5), pytest.approx((SIDE / 2 + 50, SIDE / 2), abs=1.5)]


def test_the_segments_of_a_fork_add_up():
    mask = np.zeros((120, 120), bool)
    mask[58:61, 5:] = mask[60:115, 70:74] = True
    found = measure_segments(mask)
    whole = measure_vessels(mask)
    assert len(found) == 3 and sum(one['length_px'] for one in found) == pytest.approx(whole['skeleton_length_px'])
    assert sorted(round(one['mean_width_px'], 1) for one in found) == [3.0, 3.0, 4.0]


def test_a_vessel_at_the_frame_is_measured_as_one_inside():
    soft = np.zeros((40, 60), np.float32)
    soft[:3, 5:50] = 1
    (one,) = measure_segments(soft > 0.5, probability=soft)
    assert one['first_row'] == pytest.approx(1, abs=0.1) and one['mean_width_px'] == pytest.approx(3, abs=0.1)


def test_a_vessel_ends_at_the_edge_of_the_field_of_view_whatever_its_probability_beyond():
    soft = np.zeros((40, 60), np.float32)
    soft[10:20, 5:50] = 1
    fov = np.ones(soft.shape, bool)
    fov[16:] = False
    (one,) = measure_segments(soft > 0.5, fov, probability=soft)
    assert one['mean_width_px'] == pytest.approx(6, abs=0.1)


def test_nothing_has_no_segments_and_unusable_input_is_refused():
    assert measure_segments(np.zeros((9, 9))) == []
    with pytest.raises(DataError, match=r'probability \(8, 9\) and mask \(9, 9\) differ'):
        measure_segments(np.zeros((9, 9)), probability=np.zeros((8, 9)))
    with pytest.raises(ConfigError, match='threshold=1 must lie'):
        measure_segments(np.zeros((9, 9)), threshold=1)

"""Drawn shapes of known length, width and dimension, within the tolerances that the documentation states."""

import math

import numpy as np
import pytest

from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.measurement import measure_vessels

ANGLES = (0, 7, 20, 45, 62, 90, 118, 171)


def ray(shape, angle, length, width, start=0.0):
    """A bar from ``start`` to ``length`` along a ray from a little beside the middle; a pixel is in if its centre is."""
    row, column = np.mgrid[: shape[0], : shape[1]] - (np.array(shape) / 2 + (0.3, 0.2))[:, None, None]
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along, across = column * cos + row * sin, row * cos - column * sin
    return (along >= start) & (along <= length) & (abs(across) <= width / 2)


def bar(angle, length, width):
    side = int(length + width) + 12
    return ray((side, side), angle, length / 2, width, -length / 2)


def star(angles, width, arm=60):
    return np.any([ray((2 * arm + 30, 2 * arm + 30), angle, arm, width) for angle in angles], 0)


def arc(radius, width, degrees):
    row, column = np.mgrid[: 2 * radius + 20, : 2 * radius + 20] - radius - 10.2
    return (abs(np.hypot(row, column) - radius) <= width / 2) & (np.degrees(np.arctan2(row, column)) % 360 <= degrees)


def grid(lines, width, spacing):
    mask = np.zeros([spacing * (lines + 1)] * 2, bool)
    for start in spacing * np.arange(1, lines + 1):
        mask[start : start + width] = mask[:, start : start + width] = True
    return mask


def carpet(depth):
    """Sierpinski's, of dimension log 8 / log 3."""
    mask = np.ones((1, 1), bool)
    for _ in range(depth):
        mask = np.block([[mask, mask, mask], [mask, ~mask & mask, mask], [mask, mask, mask]])
    return mask


def triangle(depth):
    """Sierpinski's, of dimension log 3 / log 2."""
    mask = np.ones((1, 1), bool)
    for _ in range(depth):
        mask = np.block([[mask, ~mask & mask], [mask, mask]])
    return mask


@pytest.mark.parametrize('length, width', [(40, 3), (100, 2), (100, 5), (100, 15), (100, 30)])
def test_bar_at_any_angle(length, width):
    for angle in ANGLES:
        mask = bar(angle, length, width)
        found = measure_vessels(mask)
        assert found['skeleton_length_px'] == pytest.approx(length, abs=1.5), angle
        assert found['mean_width_px'] == pytest.approx(mask.sum() / length, rel=0.05), angle
        assert found['tortuosity'] == pytest.approx(1, abs=0.01), angle
        assert found['mean_curvature_rad_per_px'] < 0.012, angle
        assert found['branch_points'] == 0, angle


@pytest.mark.parametrize('width', [1, 2, 3, 4, 8])
def test_bar_along_an_axis_is_exact(width):
    mask = np.zeros((40, 130), bool)
    mask[10 : 10 + width, 15:115] = True
    for turned in (mask, mask.T):
        found = measure_vessels(turned)
        assert found['skeleton_length_px'] == pytest.approx(100, abs=0.01)
        assert found['mean_width_px'] == pytest.approx(width, abs=0.01)
        assert found['vessel_area_density'] == 100 * width / mask.size


@pytest.mark.parametrize('radius, width', [(20, 3), (40, 5), (80, 2), (80, 8)])
def test_circle_has_no_end(radius, width):
    found = measure_vessels(arc(radius, width, 360))
    assert found['skeleton_length_px'] == pytest.approx(2 * math.pi * radius, rel=0.01)
    assert found['mean_width_px'] == pytest.approx(width, rel=0.02)
    assert found['mean_curvature_rad_per_px'] == pytest.approx(1 / radius, rel=0.05)
    assert math.isnan(found['tortuosity'])
    assert found['branch_points'] == 0


@pytest.mark.parametrize('radius, width, degrees', [(20, 3, 180), (40, 3, 90), (40, 5, 180), (80, 5, 270)])
def test_arc_is_as_tortuous_as_its_chord_is_short(radius, width, degrees):
    found = measure_vessels(arc(radius, width, degrees))
    half = math.radians(degrees) / 2
    assert found['skeleton_length_px'] == pytest.approx(2 * half * radius, rel=0.03)
    assert found['mean_width_px'] == pytest.approx(width, rel=0.03)
    assert found['tortuosity'] == pytest.approx(half / math.sin(half), rel=0.04)


@pytest.mark.parametrize('angles', [(0, 120, 240), (0, 90, 180), (0, 140, 220), (0, 90, 180, 270), (0, 60, 180, 240)])
@pytest.mark.parametrize('width', [1.5, 3, 9])
def test_fork_or_crossing_is_one_branch_point(angles, width):
    for turned in (0, 10, 40):
        found = measure_vessels(star([angle + turned for angle in angles], width))
        assert found['branch_points'] == 1, turned
        assert found['skeleton_length_px'] == pytest.approx(60 * len(angles), rel=0.02), turned
        assert found['tortuosity'] == pytest.approx(1, abs=0.015), turned
        if width > 2:
            assert found['mean_width_px'] == pytest.approx(width, rel=0.03), turned
        if len(angles) == 3:
            smallest = min((b - a) % 360 for a, b in zip(angles, (*angles[1:], angles[0])))
            assert found['branching_angle_deg'] == pytest.approx(smallest, abs=3), turned


@pytest.mark.parametrize('width, spacing', [(1, 4), (2, 8), (3, 12), (5, 30)])
def test_grid_has_a_branch_point_at_every_crossing(width, spacing):
    found = measure_vessels(grid(6, width, spacing))
    assert found['branch_points'] == 36
    assert found['skeleton_length_px'] == pytest.approx(12 * 7 * spacing, rel=0.005)
    assert found['mean_width_px'] == pytest.approx(width, abs=0.01)


def test_bumps_on_the_wall_and_pinholes_are_no_branches():
    mask = np.zeros((40, 120), bool)
    mask[15:22, 10:110] = True
    mask[22:24, 40:42] = mask[14, 70] = mask[13:15, 90] = True
    mask[18, 30] = mask[17, 60:62] = False
    found = measure_vessels(mask)
    assert found['branch_points'] == 0
    assert found['skeleton_length_px'] == pytest.approx(100, abs=1)
    assert found['vessel_area_px2'] == mask.sum()


@pytest.mark.parametrize(
    'mask, dimension, tolerance',
    [
        (np.ones((64, 64)), 2, 0.01),
        (np.ones((155, 155)), 2, 0.01),
        (bar(30, 150, 150), 2, 0.2),
        (carpet(4), math.log(8, 3), 0.05),
        (triangle(6), math.log(3, 2), 0.02),
    ],
)
def test_fractal_dimension_of_a_mask(mask, dimension, tolerance):
    assert measure_vessels(mask)['fractal_dimension_mask'] == pytest.approx(dimension, abs=tolerance)


@pytest.mark.parametrize('mask', [*(bar(angle, 200, 2) for angle in ANGLES), bar(20, 200, 25), arc(60, 3, 360), arc(80, 4, 180)])
def test_fractal_dimension_of_a_skeleton_is_that_of_a_line_at_any_width(mask):
    assert measure_vessels(mask)['fractal_dimension_skeleton'] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize('side', [1, 2, 5, 50])
def test_filled_square_is_as_long_as_wide(side):
    mask = np.zeros((60, 60), bool)
    mask[5 : 5 + side, 5 : 5 + side] = True
    found = measure_vessels(mask)
    assert found['skeleton_length_px'] == pytest.approx(side, abs=0.01)
    assert found['mean_width_px'] == pytest.approx(side, abs=0.01)
    assert found['branch_points'] == 0


def test_empty_mask_has_no_vessels_and_nothing_to_measure_on():
    found = measure_vessels(np.zeros((30, 40), np.uint8))
    nothing = {name for name, value in found.items() if math.isnan(value)}
    assert nothing == {
        'mean_width_px',
        'fractal_dimension_skeleton',
        'information_dimension_skeleton',
        'correlation_dimension_skeleton',
        'fractal_dimension_mask',
        'tortuosity',
        'tortuosity_local',
        'mean_curvature_rad_per_px',
        'branching_angle_deg',
    }
    assert found['fov_area_px2'] == 1200
    assert all(found[name] == 0 for name in found.keys() - nothing - {'fov_area_px2'})


@pytest.mark.parametrize('shape', [(1, 1), (1, 9), (2, 2), (3, 1)])
def test_mask_of_a_few_pixels_all_vessel(shape):
    found = measure_vessels(np.ones(shape))
    assert found['vessel_area_density'] == 1
    assert found['skeleton_length_px'] == pytest.approx(max(shape), abs=0.01)
    assert found['mean_width_px'] == pytest.approx(min(shape), abs=0.01)


@pytest.mark.parametrize('turn', [np.rot90, np.fliplr, np.flipud, np.transpose])
def test_turned_or_mirrored_picture_measures_the_same(turn):
    mask = star((10, 75, 200, 290), 4) | np.pad(arc(30, 3, 250), ((0, 70), (70, 0)))
    found, turned = measure_vessels(mask), measure_vessels(turn(mask))
    for name, value in found.items():
        assert turned[name] == pytest.approx(value, rel=0.2 if 'curvature' in name else 0.01, nan_ok=True), name


def test_scale_turns_pixels_into_micrometres():
    pixels, micrometres = measure_vessels(star((0, 120, 240), 5)), measure_vessels(star((0, 120, 240), 5), micrometres_per_pixel=4)
    assert [name.replace('px', 'um') for name in pixels] == list(micrometres)
    for name, factor in dict(
        fov_area_px2=16, vessel_area_px2=16, skeleton_length_px=4, mean_width_px=4, tortuosity=1, branch_points=1
    ).items():
        assert micrometres[name.replace('px', 'um')] == pytest.approx(factor * pixels[name])
    for name in ('skeleton_length_density_per_px', 'mean_curvature_rad_per_px'):
        assert micrometres[name.replace('px', 'um')] == pytest.approx(pixels[name] / 4)


def test_scale_turns_pixels_into_degrees_of_the_eye_one_unit_at_a_time():
    pixels, degrees = measure_vessels(star((0, 120, 240), 5)), measure_vessels(star((0, 120, 240), 5), degrees_per_pixel=0.08)
    assert [name.replace('px', 'deg') for name in pixels] == list(degrees)
    assert degrees['skeleton_length_deg'] == pytest.approx(0.08 * pixels['skeleton_length_px'])
    assert degrees['fov_area_deg2'] == pytest.approx(0.0064 * pixels['fov_area_px2'])
    assert degrees['skeleton_length_density_per_deg'] == pytest.approx(pixels['skeleton_length_density_per_px'] / 0.08)
    assert degrees['branching_angle_deg'] == pixels['branching_angle_deg']
    with pytest.raises(ConfigError, match='micrometres_per_pixel and degrees_per_pixel are both given'):
        measure_vessels(np.eye(9), micrometres_per_pixel=4, degrees_per_pixel=0.08)


def test_nothing_outside_the_field_of_view_counts():
    row, column = np.mgrid[:201, :201]
    fov = np.hypot(row - 100, column - 100) <= 90
    mask = np.zeros((201, 201), np.uint8)
    mask[98:103] = mask[:9] = mask[:, 195:] = 255
    found = measure_vessels(mask, fov)
    assert found['vessel_area_density'] == pytest.approx(5 * 181 / fov.sum(), rel=0.01)
    assert found['skeleton_length_px'] == pytest.approx(181, abs=1)
    assert found['skeleton_length_density_per_px'] == found['skeleton_length_px'] / fov.sum()
    assert found['branch_points'] == 0
    assert measure_vessels(mask & ~fov * np.uint8(255), fov)['vessel_area_density'] == 0


def test_bools_numbers_and_lists_are_the_same_mask():
    mask = star((0, 90, 180), 3)
    wanted = measure_vessels(mask)
    for values in (mask * np.uint8(255), mask.astype(float), mask.tolist(), np.asfortranarray(mask), mask.astype(np.int64)):
        assert measure_vessels(values) == wanted


@pytest.mark.parametrize(
    'arguments, error, message',
    [
        (dict(mask=np.zeros((4, 4, 3))), DataError, r'mask: found an array of shape \(4, 4, 3\), expected \(H, W\)'),
        (dict(mask=np.zeros((0, 4))), DataError, r'mask: found an array of shape \(0, 4\)'),
        (dict(mask=np.full((4, 4), 0.3)), DataError, 'mask: found the values 0.3; expected 0 and 1 or 0 and 255, threshold'),
        (dict(mask=np.full((4, 4), np.nan)), DataError, 'mask: found the values nan'),
        (dict(mask=np.array([[0, 1, 255]], np.uint8)), DataError, 'mask: found the values 0, 1, 255;'),
        (dict(mask=np.array([['a', 'b']])), DataError, 'mask: found values of type'),
        (dict(mask=np.eye(4), fov=np.eye(5)), DataError, r'mask \(4, 4\) and field of view \(5, 5\) differ in size'),
        (dict(mask=np.eye(4), fov=np.arange(16).reshape(4, 4)), DataError, r'field of view: found the values 0, 1, 2, 3, 4 \.\.\.'),
        (dict(mask=np.eye(4), fov=np.zeros((4, 4))), DataError, 'the field of view is empty'),
        *(
            (dict(mask=np.eye(4), micrometres_per_pixel=scale), ConfigError, 'micrometres_per_pixel: found .*, expected a number above 0')
            for scale in (0, -2.5, math.nan, math.inf, '4', True)
        ),
    ],
)
def test_unusable_input_is_refused_in_one_line(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        measure_vessels(**arguments)
    assert '\n' not in str(caught.value)

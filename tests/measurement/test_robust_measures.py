"""Measures of a drawn eye whose truth is known: what breaks, spurs, turning and scale change, within what docs/measurements.md states."""

import math

import numpy as np
import pytest
from scipy import ndimage

from mmseg_fundus.measurement import measure_vessels

WAVES = ((0.012, 3), (0.02, 2), (0.03, 3), (0.008, 4), (0.02, 3), (0.03, 2))  # height and number of waves of each vessel
LEFT, LONG, FORK = 0.12, 0.76, 60  # in sides of the picture; degrees


def vessels():
    """``(P, 2)`` points of six waves from left to right, and of a straight vessel that leaves each of them at a crest at 60 degrees."""
    along = np.linspace(0, 1, 4000)
    for number, (height, waves) in enumerate(WAVES):
        row = (number + 1) / 7
        yield np.stack([row + height * np.sin(2 * np.pi * waves * along), LEFT + LONG * along], 1)
        crest = np.array([row + height, LEFT + LONG * 1.25 / waves])
        yield crest + np.linspace(0, 0.06, 400)[:, None] * [math.sin(math.radians(FORK)), math.cos(math.radians(FORK))]


def truth():
    """Median arc over chord of the waves' pieces of a tenth of the field, without the forks."""
    found = []
    for points in list(vessels())[::2]:
        arc = np.concatenate([[0], np.hypot(*np.diff(points, axis=0).T).cumsum()])
        places = [np.interp(np.arange(0, arc[-1], 1e-3), arc, place) for place in points.T]
        even = np.stack(places, 1)
        steps = round(0.1 * 0.96 / 1e-3)
        found.append(steps * 1e-3 / np.hypot(*(even[steps:] - even[:-steps]).T))
    return float(np.median(np.concatenate(found)))


def eye(side=500, turn=0.0, width=5.0, breaks=0, spurs=0, seed=0):
    """Mask and field of view: vessels ``width`` pixels wide at 500, with gaps in them, and with stumps at them, at random places."""
    rng, scale = np.random.default_rng(seed), side / 500
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    lines = [(points - 0.5) @ [[cos, sin], [-sin, cos]] + 0.5 for points in vessels()]
    waves = lines[::2]

    def anywhere():
        points = waves[rng.integers(len(waves))]
        place = rng.integers(100, len(points) - 100)
        ahead = points[place + 5] - points[place - 5]
        return points[place], ahead[::-1] * [-1, 1] / np.hypot(*ahead)

    for _ in range(spurs):
        place, aside = anywhere()
        lines.append(place + np.linspace(0, 10 / 500, 50)[:, None] * aside * rng.choice([-1, 1]))
    fine = 3 * side  # a pixel is vessel if most of its ninths are
    empty = np.ones((fine, fine), bool)
    for points in lines:
        rows, columns = np.floor(points * fine).astype(int).T
        inside = (rows >= 0) & (rows < fine) & (columns >= 0) & (columns < fine)
        empty[rows[inside], columns[inside]] = False
    mask = (ndimage.distance_transform_edt(empty) < 3 * width * scale / 2).reshape(side, 3, side, 3).mean((1, 3)) > 0.5
    row, column = np.ogrid[:side, :side]
    for _ in range(breaks):
        place, _ = anywhere()
        mask &= np.hypot(row - place[0] * side, column - place[1] * side) > 0.7 * width * scale
    fov = np.hypot(row + 0.5 - side / 2, column + 0.5 - side / 2) < 0.48 * side
    return mask & fov, fov


@pytest.fixture(scope='module')
def whole():
    return measure_vessels(*eye())


def test_local_tortuosity_and_branching_angle_are_those_drawn(whole):
    assert whole['tortuosity_local'] == pytest.approx(truth(), abs=0.002)
    steps = [2 * math.pi * waves / (LONG * 500) for _, waves in WAVES]  # the waves bend away from the forks: 5 to 13 pixels from there by
    bent = [math.atan2(500 * height * (math.cos(5 * k) - math.cos(13 * k)), 8) for (height, _), k in zip(WAVES, steps)]
    assert whole['branching_angle_deg'] == pytest.approx(FORK + math.degrees(np.mean(bent)), abs=3)
    assert whole['branch_points'] == len(WAVES)


# what each measure may change by, as a share of itself: by breaks and spurs, by turning, by half to twice the scale
STATED = {
    'vessel_area_density': (0.08, 0.02, 0.1),
    'skeleton_length_px': (0.10, 0.01, 0.02),
    'mean_width_px': (0.02, 0.02, 0.1),
    'fractal_dimension_skeleton': (0.04, 0.03, 0.05),
    'information_dimension_skeleton': (0.04, 0.03, 0.05),
    'correlation_dimension_skeleton': (0.04, 0.03, 0.05),
    'fractal_dimension_mask': (0.03, 0.03, 0.06),
    'tortuosity': (0.06, 0.01, 0.01),
    'tortuosity_local': (0.01, 0.002, 0.002),
    'mean_curvature_rad_per_px': (0.7, 0.1, 0.25),
    'branching_angle_deg': (0.4, 0.06, 0.08),
}


def changes(found, whole, scale=1.0):
    powers = {'skeleton_length_px': 1, 'mean_width_px': 1, 'mean_curvature_rad_per_px': -1}
    return {name: abs(found[name] / (whole[name] * scale ** powers.get(name, 0)) - 1) for name in STATED}


@pytest.mark.parametrize('seed', range(3))
def test_breaks_and_spurs(whole, seed):
    found = measure_vessels(*eye(breaks=30, spurs=30, seed=seed))
    assert {name: change for name, change in changes(found, whole).items() if change > STATED[name][0]} == {}


@pytest.mark.parametrize('turn', [15, 30, 45, 90, 137])
def test_turning(whole, turn):
    assert {n: change for n, change in changes(measure_vessels(*eye(turn=turn)), whole).items() if change > STATED[n][1]} == {}


@pytest.mark.parametrize('flip', [np.fliplr, np.flipud])
def test_flips(whole, flip):
    assert {n: c for n, c in changes(measure_vessels(*map(flip, eye())), whole).items() if c > STATED[n][1]} == {}


@pytest.mark.parametrize('side', [250, 350, 700, 1000])
def test_scale(whole, side):
    found = changes(measure_vessels(*eye(side)), whole, side / 500)
    assert {name: change for name, change in found.items() if change > STATED[name][2]} == {}


def test_local_tortuosity_of_an_empty_mask_and_of_short_vessels_is_not_defined():
    mask, fov = eye()
    assert math.isnan(measure_vessels(np.zeros_like(mask), fov)['tortuosity_local'])
    short = np.zeros_like(mask)
    short[250:253, 240:270] = True  # less than a tenth of the field
    assert math.isnan(measure_vessels(short, fov)['tortuosity_local'])

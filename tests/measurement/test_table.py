"""Measurements as CSV."""

import csv
import math

import numpy as np
import pytest

from mmseg_fundus.errors import DataError
from mmseg_fundus.measurement import measure_vessels, write_measurements


def rows():
    bar = np.zeros((40, 120), bool)
    bar[18:23, 10:110] = True
    return [('bar, wide', measure_vessels(bar)), ('nothing', measure_vessels(~bar & bar))]


def test_one_line_per_picture_with_the_unit_in_the_heading(tmp_path):
    write_measurements(tmp_path / 'new' / 'vessels.csv', rows())
    with (tmp_path / 'new' / 'vessels.csv').open(newline='') as file:
        bar, nothing = csv.DictReader(file)
    assert list(bar) == ['picture', *rows()[0][1]]
    assert bar['picture'] == 'bar, wide'
    for name, value in rows()[0][1].items():
        assert float(bar[name]) == pytest.approx(value, rel=1e-5, abs=1e-12)
    assert (bar['vessel_area_px2'], bar['mean_width_px'], bar['branch_points']) == ('500', '5', '0')
    assert math.isnan(float(nothing['mean_width_px']))
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['vessels.csv']


def test_refused_rows_leave_the_file_as_it_was(tmp_path):
    path = tmp_path / 'vessels.csv'
    path.write_text('before')
    scaled = measure_vessels(np.eye(9), micrometres_per_pixel=3)
    for bad, message in (([], 'no measurements'), ([*rows(), ('scaled', scaled)], 'scaled: .* give all a scale or none')):
        with pytest.raises(DataError, match=message):
            write_measurements(path, bad)
    assert path.read_text() == 'before'
    assert list(tmp_path.iterdir()) == [path]

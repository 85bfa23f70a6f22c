"""Measurements as CSV."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest

from mmseg_fundus.apis.folder import PredictionFolder
from mmseg_fundus.errors import ConfigError, DataError
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
        assert float(bar[name]) == pytest.approx(value, rel=1e-5, abs=1e-12, nan_ok=True)
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


def test_a_name_that_is_no_utf8_is_written_readably(tmp_path):
    write_measurements(tmp_path / 'vessels.csv', [(os.fsdecode(b'a\xff'), {'x': 1})])
    assert (tmp_path / 'vessels.csv').read_bytes() == b'picture,x\na\\udcff,1\n'


DAMAGED = (
    *('{"a"', '[1]', '[' * 200_000, '{}', '{"x": 1}', '{"x": 1, "flags": 2}'),
    *('{"x": "y", "flags": ""}', '{"x": [1], "flags": ""}'),
)


@pytest.mark.parametrize('text', DAMAGED)
def test_damaged_measurements_are_not_done_and_not_in_the_table(tmp_path, text):
    folder = PredictionFolder(tmp_path, ['measurements'])
    for name, content in (('good', '{"x": 1.5, "y": null, "flags": "dark"}'), ('bad', text)):
        folder.path('measurements', Path(name)).parent.mkdir(exist_ok=True)
        folder.path('measurements', Path(name)).write_text(content)
    assert folder.is_done(Path('good')) and not folder.is_done(Path('bad'))
    assert folder.write_table([Path('good'), Path('bad')]).read_text() == 'picture,x,y,flags\ngood,1.5,,dark\n'
    assert folder.flagged([Path('good'), Path('bad')]) == {Path('good'): 'dark'}


@pytest.mark.parametrize('text', ['[' * 200_000, '{', '[]'])
def test_settings_that_cannot_be_read_are_other_ones(tmp_path, text):
    PredictionFolder(tmp_path, ['mask'])
    (tmp_path / 'settings.json').write_text(text)
    with pytest.raises(ConfigError, match='holds predictions made otherwise'):
        PredictionFolder(tmp_path, ['mask'])

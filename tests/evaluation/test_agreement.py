"""Agreement of measures: published tables, and cases whose answer is known."""

import numpy as np
import pytest

from mmseg_fundus.errors import DataError
from mmseg_fundus.evaluation.agreement import (
    agreement,
    agreement_figures,
    agreement_table,
    expected_figures,
    expected_line,
    intraclass_correlation,
)

# six targets and four judges, Shrout and Fleiss 1979, table 2
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_the_intraclass_correlation_is_the_published_one():
    icc, low, high = intraclass_correlation(JUDGES)
    assert (round(icc, 2), round(low, 3), round(high, 3)) == (0.29, 0.019, 0.761)


def test_ways_that_agree_exactly_and_a_bias_that_correlation_does_not_see():
    values = np.linspace(1, 2, 12)
    same, shifted = agreement(values, values), agreement(values + 1, values)
    assert same[2:] == (0, 0, 0, 1, 1, 1, pytest.approx(1), pytest.approx(1)) and same.grade == 'excellent'
    assert shifted.pearson == pytest.approx(1) and shifted.bias == pytest.approx(1) and shifted.icc < 0.3 and shifted.grade == 'poor'


def test_limits_of_agreement_hold_95_of_100_differences():
    random = np.random.default_rng(0)
    truth = random.normal(10, 3, 4000)
    found = agreement(truth + random.normal(0.5, 1, 4000), truth)
    assert found.bias == pytest.approx(0.5, abs=0.05)
    assert (found.low, found.high) == (pytest.approx(0.5 - 1.96, abs=0.1), pytest.approx(0.5 + 1.96, abs=0.1))
    assert (
        found.icc == pytest.approx(9 / (9 + 0.5 + 0.125), abs=0.02) and found.icc_low < found.icc < found.icc_high
    )  # of the two, variances


def test_pictures_without_a_value_are_left_out():
    nan = float('nan')
    found = agreement([1, 2, nan, 4, 5], [1, 2, 3, nan, 6])
    assert found.pictures == 3 and found.mean == 3
    assert agreement([1, nan], [1, 2]).grade == '-' and agreement([], []).pictures == 0


@pytest.mark.parametrize('value', [0, 3.7, 1e-9, 1e9])
def test_a_measure_that_is_everywhere_the_same_has_no_correlation(value, recwarn):
    found = agreement([value] * 5, [value] * 5)
    assert np.isnan([found.icc, found.pearson, found.spearman]).all() and found.bias == 0 and not recwarn


def test_other_pictures_are_refused():
    with pytest.raises(DataError, match='differ in size'):
        agreement([1, 2], [1, 2, 3])


def test_the_table_has_a_line_of_each_measure_and_way_and_names_stay():
    rows = [{'fov_area_px2': 9, 'density': value, 'loops': 1.0} for value in (0.1, 0.2, 0.35, 0.4)]
    found = agreement_figures(rows, rows)
    assert list(found) == ['density', 'loops'] and found['density']['grade'] == 'excellent'
    table = [[cell.strip() for cell in line.split('|')[1:-1]] for line in agreement_table({'nanonet': found, 'second': found}).splitlines()]
    (density, same, loops, _) = [cells for cells in table if cells and cells[0] in ('density', 'loops')]
    assert density[:2] == ['density', 'nanonet'] and same[:2] == ['density', 'second'] and density[-1] == 'excellent'
    assert loops == ['loops', 'nanonet', '1', '+0', '+0 to +0', *['-'] * 5]
    assert agreement_figures([{}, *rows], [{}, *rows])['density'] == found['density']
    alone = agreement_table({'': found}).splitlines()
    assert 'way' not in alone[3] and agreement_table({'': {}}) == ''


def test_expected_dice_beside_the_true_one():
    found = expected_figures([0.8, 0.7, 0.6, np.nan], [0.7, 0.65, 0.5, 0.4])
    assert found == pytest.approx(dict(pictures=3, mean=0.7, bias=0.25 / 3, error=(0.0225 / 3) ** 0.5, spearman=1))
    assert expected_line(found).endswith('mean 0.7000, bias +0.0833, error of a picture 0.0866, rank correlation with the true one 1.00')
    assert 'rank' not in expected_line(expected_figures([0.8], [0.7])) and expected_line(expected_figures([np.nan], [1])) == ''

"""Charts as SVG."""

import pytest

from mmseg_fundus.report.charts import Line, line_chart, ticks


@pytest.mark.parametrize(
    'low, high, expected',
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 22, [0, 5, 10, 15, 20, 25]),
        (0, 0.003, [0, 0.001, 0.002, 0.003]),
        (2, 2, [1, 1.5, 2, 2.5, 3]),
    ],
)
def test_axes_have_round_numbers(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    'low, high', [(0, 5e-324), (5e-324, 5e-324), (1, 1 + 2**-52), (1e17, 1e17 + 16), (-1e299, 1e299), (1e-300, -1e-300)]
)
def test_axes_of_values_at_the_ends_of_what_a_float_holds(low, high):
    found = ticks(low, high)
    assert len(found) > 1 and found[0] < found[-1] and found[0] <= min(low, high) and found[-1] >= max(low, high)
    assert 'class="line line0"' in line_chart('t', [Line('n', [(low, low), (high, high)])], 'x', 'y', (0, high))


def test_charts_leave_out_what_is_no_number():
    drawn = line_chart('<t>', [Line('<n>', [(0, 1), (1, float('nan')), (2, 3)]), Line('none', [])], 'x', 'y')
    assert 'nan' not in drawn and drawn.count('class="line line') == 2 and '<t>' not in drawn and '<n>' not in drawn
    assert line_chart('t', [Line('n', [(0, float('inf'))])], 'x', 'y') == ''
    assert 'h0"' in line_chart('t', [Line('n', [(1, 0.5)])], 'x', 'y'), 'one point alone is a dot'

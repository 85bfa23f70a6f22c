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


def test_charts_leave_out_what_is_no_number():
    drawn = line_chart('<t>', [Line('<n>', [(0, 1), (1, float('nan')), (2, 3)]), Line('none', [])], 'x', 'y')
    assert 'nan' not in drawn and drawn.count('class="line line') == 2 and '<t>' not in drawn and '<n>' not in drawn
    assert line_chart('t', [Line('n', [(0, float('inf'))])], 'x', 'y') == ''
    assert 'h0"' in line_chart('t', [Line('n', [(1, 0.5)])], 'x', 'y'), 'one point alone is a dot'

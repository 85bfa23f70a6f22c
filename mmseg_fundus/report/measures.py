"""Whether the measures of the predictions can be trusted: agreement with those of the labels, and the Dice that probabilities promise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from ..evaluation.agreement import OF_LABEL, agreement_cells, expected_line
from .charts import Line, line_chart
from .frame import joined, render
from .gather import Gathered
from .values import number, points

DRAWN = {  # begin of a measure's name: title of its chart
    'vessel_area_density': 'Vessel density',
    'skeleton_length_p': 'Length, pixels',
    'mean_width_': 'Mean width, pixels',
    'tortuosity_local': 'Tortuosity, local',
}


def measures(gathered: Gathered) -> Markup:
    """Table of agreement, Bland and Altman's charts of four measures, expected against true Dice."""
    report, second = gathered.results.report, gathered.results.second_observer
    found = _known(report.inside.agreement)
    others = _known(second.inside.agreement) if second else {}
    expected = [number(row.get('Expected Dice')) for row in report.pictures]
    charts = [
        _bland_altman(title, name, found[name], report.pictures)
        for begin, title in DRAWN.items()
        for name in found
        if name.startswith(begin)
    ]
    charts.append(_expected([row.get('Dice') for row in report.pictures], expected))
    if not found and not any(charts):
        return Markup()
    return render(
        'measures.html',
        rows=[(name, agreement_cells(one)) for name, one in found.items()],
        second=[(name, agreement_cells(one)) for name, one in others.items()],
        drawn=joined(charts),
        expected=expected_line(report.inside.expected),
    )


def _known(agreement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in agreement.items() if isinstance(one, dict)}


def _bland_altman(title: str, name: str, one: dict[str, Any], pictures: Sequence[dict[str, Any]]) -> Markup:
    pairs = points([row.get(name) for row in pictures], [row.get(f'{name}{OF_LABEL}') for row in pictures])
    if not pairs:
        return Markup()
    ends = min((a + b) / 2 for a, b in pairs), max((a + b) / 2 for a, b in pairs)
    levels = {key: number(one.get(key)) for key in ('bias', 'low', 'high')}
    differences = [*(a - b for a, b in pairs), *(level for level in levels.values() if level is not None), 0.0]
    return line_chart(
        title,
        [
            Line('a picture', [((a + b) / 2, a - b) for a, b in pairs], dots=True, joined=False),
            Line('bias', [(x, levels['bias']) for x in ends]),
            Line('limits of agreement', [(x, levels['low']) for x in ends]),
            Line('', [(x, levels['high']) for x in ends], like=2),
        ],
        'Mean of prediction and label',
        'Prediction minus label',
        y_range=(min(differences), max(differences)) if max(differences) > min(differences) else None,
    )


def _expected(dice: Sequence[Any], expected: Sequence[Any]) -> Markup:
    known = points(expected, dice)
    ends = np.floor(10 * min((min(point) for point in known), default=0)) / 10, 1.0
    return line_chart(
        'Expected and true Dice',
        [Line('a picture', known, dots=True, joined=False)],
        'Dice expected without the label',
        'Dice',
        ends,
        ends,
        diagonal='as expected',
    )

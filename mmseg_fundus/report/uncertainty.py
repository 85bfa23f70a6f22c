"""Uncertainty on the page: the risk-coverage chart, and the maps of how much the members of an ensemble differ."""

from pathlib import Path

import numpy as np
from markupsafe import Markup

from ..classes import MOST_SPREAD
from ..datasets.reading import read_grey
from ..evaluation.mask_writer import SPREADS
from ..evaluation.risk_coverage import RANKINGS
from ..results import Results
from ..results.risk_coverage import RiskCoverage, RiskCoverages
from ..visualization.overlay import HEAT
from .charts import Line, line_chart
from .values import points, shown


def risk_chart(found: RiskCoverages) -> Markup:
    """Error against coverage by each ranking that the results hold, beside chance, as an HTML ``figure``; '' without any curve."""
    rankings: dict[str, RiskCoverage] = {name: getattr(found, name) for name in RANKINGS}
    curves = [Line(f'by {RANKINGS[name]}, area {shown(one.area)}', points(one.coverage, one.risk)) for name, one in rankings.items()]
    known = [one for one, line in zip(rankings.values(), curves) if line.points]
    if not known:
        return Markup()
    chance = known[0].chance  # of all rankings: it is the share of wrong pixels
    return line_chart(
        'Risk and coverage',
        [*curves, Line(f'chance, area {shown(chance)}', [(0, chance), (1, chance)])],
        'Coverage (share of pixels, most certain first)',
        'Risk (share of wrong pixels)',
        x_range=(0, 1),
        note=f'The best possible area is {shown(known[0].best)}.',
    )


def spread_folder(results: Results, masks: Path) -> Path | None:
    """Where a test put the uncertainty of its pictures; ``None`` of a single network, whatever an earlier test left there.

    Args:
        results (Results): Of the test.
        masks (Path): Folder of its masks.
    """
    return masks / SPREADS if results.report.curves.risk_coverage.spread else None


def read_spread(path: Path) -> np.ndarray:
    """Standard deviation ``(H, W)`` of 0 to 0.5, float32, from a grey PNG in which white is 0.5.

    Raises:
        DataError: If the file is missing, or is no grey picture.
    """
    values, white = read_grey(path, strict=True)
    return values.astype(np.float32) * np.float32(MOST_SPREAD / white)


def scale_colours() -> list[str]:
    """The colours of the uncertainty maps, from dark to bright, as CSS."""
    return [f'rgb({r}, {g}, {b})' for r, g, b in HEAT[::51].tolist()]

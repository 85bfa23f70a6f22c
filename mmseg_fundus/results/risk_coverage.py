"""Risk-coverage curves in ``results.json``."""

from dataclasses import dataclass

from .parts import Part, kept, number, one, series


@dataclass(kw_only=True)
class RiskCoverage(Part):
    """Of one ranking; see :func:`mmseg_fundus.evaluation.risk_coverage`."""

    coverage: list[float | None] = kept(series, make=list)
    risk: list[float | None] = kept(series, make=list)
    area: float | None = kept(number)
    chance: float | None = kept(number)
    best: float | None = kept(number)


@dataclass(kw_only=True)
class RiskCoverages(Part):
    """By ranking: entropy of the mean probability, spread of the members of an ensemble."""

    entropy: RiskCoverage = kept(one(RiskCoverage), make=RiskCoverage)
    spread: RiskCoverage = kept(one(RiskCoverage), make=RiskCoverage)

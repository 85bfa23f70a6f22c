"""Risk-coverage curves: the area by its definition, ties, and the same in the metric."""

import numpy as np
import pytest

from mmseg_fundus.evaluation import ScoreHistogram, risk_coverage
from mmseg_fundus.evaluation.risk_coverage import uncertainties


def curve(uncertainty, wrong):
    histogram = ScoreHistogram()
    histogram.add(np.asarray(uncertainty, np.float32), np.asarray(wrong, bool))
    return risk_coverage(histogram)


def by_definition(uncertainty, wrong):
    ordered = np.asarray(wrong)[np.argsort(uncertainty, kind='stable')]
    return (np.cumsum(ordered) / np.arange(1, len(ordered) + 1)).mean()


def test_the_area_is_the_mean_risk_over_all_coverages():
    rng = np.random.default_rng(0)
    uncertainty = rng.permutation(np.linspace(0.001, 0.499, 2000))
    wrong = rng.random(2000) < uncertainty
    found = curve(uncertainty, wrong)
    assert found['area'] == pytest.approx(by_definition(uncertainty, wrong), abs=1e-6)
    assert found['chance'] == pytest.approx(wrong.mean(), abs=1e-6)
    assert found['best'] == pytest.approx(by_definition(wrong, wrong), abs=1e-6) and found['best'] < found['area'] < found['chance']
    assert found['coverage'][-1] == 1 and found['risk'][-1] == found['chance'] and len(found['coverage']) <= 202


def test_equally_uncertain_pixels_are_taken_in_random_order():
    wrong = np.array([0, 1, 0, 0, 1, 1])
    shuffled = [by_definition(np.arange(6), np.random.default_rng(seed).permutation(wrong)) for seed in range(20000)]
    assert curve([0.2] * 6, wrong)['area'] == pytest.approx(0.5) == pytest.approx(np.mean(shuffled), abs=5e-3)


def test_extremes():
    assert risk_coverage(ScoreHistogram()) is None
    assert curve([0.1, 0.4], [0, 0])['area'] == 0 and curve([0.1, 0.4], [1, 1])['area'] == 1
    assert curve([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 0])['area'] == pytest.approx(0.145833)


def test_nearness_to_a_half_ranks_as_entropy_does():
    probability = np.array([0.01, 0.98, 0.3, 0.5, 0.999], np.float32)
    entropy = -(probability * np.log(probability) + (1 - probability) * np.log(1 - probability))
    assert np.argsort(uncertainties(probability, None)['entropy']).tolist() == np.argsort(entropy).tolist()
    assert set(uncertainties(probability, probability / 2)) == {'entropy', 'spread'}

import numpy as np
import pytest
from sklearn import metrics as sk

from mmseg_fundus.evaluation import ScoreHistogram, best_threshold
from mmseg_fundus.evaluation.score_histogram import BINS, score_bins


def scores(kind, rng, count=200_000):
    label = rng.random(count) < 0.12
    made = dict(
        uniform=lambda: rng.random(count),
        good=lambda: 1 / (1 + np.exp(-rng.normal(6 * label - 4, 1.5))),
        overconfident=lambda: 1 / (1 + np.exp(-rng.normal(40 * label - 30, 15))),  # float32 saturates at 1, goes to 1e-30 below
        bits8=lambda: np.round(np.clip(rng.normal(0.3 + 0.2 * label, 0.2), 0, 1) * 255) / 255,
        constant=lambda: np.full(count, 0.3),
        perfect=lambda: label * 0.5 + 0.25,
        wrong=lambda: 1 - label * 0.5,
    )
    return made[kind]().astype(np.float32), label


@pytest.mark.parametrize('kind', ['uniform', 'good', 'overconfident', 'bits8', 'constant', 'perfect', 'wrong'])
def test_areas_equal_scikit_learns(kind):
    p, y = scores(kind, np.random.default_rng(0))
    histogram = ScoreHistogram()
    for part in range(4):  # in pieces, as pictures come
        histogram.add(p[part::4], y[part::4])
    tied = kind in ('bits8', 'constant', 'perfect', 'wrong')  # equal scores share a bin, others do not: exact
    for (value, bound), exact in (
        (histogram.auc_roc(), sk.roc_auc_score(y, p)),
        (histogram.average_precision(), sk.average_precision_score(y, p)),
    ):
        assert value == pytest.approx(exact, abs=1e-9 if tied else 3e-5)
        assert tied or abs(value - exact) <= bound


def test_bins_rise_with_the_score_and_are_finest_at_both_ends():
    p = np.unique(np.concatenate([[0, 0.5, 1], np.logspace(-30, -0.31, 5000), 1 - np.logspace(-7, -0.31, 5000)]).astype(np.float32))
    bins = score_bins(p)
    assert (np.diff(bins) >= 0).all() and bins[0] == 0 and bins[-1] == BINS - 1
    assert score_bins(np.array([1e-6, 1.001e-6]))[0] < score_bins(np.array([1e-6, 1.001e-6]))[1]
    eight_bit = (np.arange(256) / 255).astype(np.float32)
    assert len(set(score_bins(eight_bit).tolist())) == 256


def test_one_class_alone_has_no_area():
    histogram = ScoreHistogram()
    assert np.isnan(histogram.auc_roc()[0]) and np.isnan(histogram.average_precision()[0])
    histogram.add(np.array([0.2, 0.7]), np.array([True, True]))
    assert np.isnan(histogram.auc_roc()[0]) and histogram.average_precision()[0] == 1


@pytest.mark.slow
def test_the_threshold_with_the_best_dice_is_found():
    p, y = scores('good', np.random.default_rng(1))
    histogram = ScoreHistogram()
    histogram.add(p, y)
    found = best_threshold(histogram)
    dice = {round(t, 2): sk.f1_score(y, p > t) for t in np.arange(1, 100) / 100}
    assert dice[round(found['threshold'], 2)] == pytest.approx(max(dice.values()), abs=1e-3)
    assert all(found['sweep'][f'{t:.2f}'] == pytest.approx(value, abs=1e-3) for t, value in dice.items())

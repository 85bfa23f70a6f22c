"""Scale and shift of log odds: what is put in is found again, and every data set counts alike."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from mmseg_fundus.errors import DataError
from mmseg_fundus.evaluation import ScoreHistogram, calibration, recalibrate
from mmseg_fundus.evaluation.recalibration import log_odds_counts


def scores(scale, shift, number=200_000, seed=0):
    """Probabilities whose log odds would have to be scaled and shifted to mean what they say; and labels."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-2.5, 2.0, number)
    label = rng.random(number) < expit(true)
    return expit((true - shift) / scale).astype(np.float32), label


def histogram_of(p, y):
    histogram = ScoreHistogram()
    histogram.add(p, y)
    return histogram


@pytest.mark.parametrize('scale, shift', [(1.0, 0.0), (0.5, -1.0), (2.0, 0.7)])
def test_the_scale_and_shift_that_are_wrong_are_found(scale, shift):
    p, y = scores(scale, shift)
    found = recalibrate([log_odds_counts(histogram_of(p, y))])
    assert (found.scale, found.shift) == pytest.approx((scale, shift), abs=0.03)
    fitted = LogisticRegression(C=np.inf).fit(logit(p.astype(float))[:, None], y)
    assert (found.scale, found.shift) == pytest.approx((fitted.coef_[0, 0], fitted.intercept_[0]), abs=0.01)
    new = expit(found.scale * logit(p.astype(float)) + found.shift).astype(np.float32)
    assert found.error_before == pytest.approx(calibration(histogram_of(p, y))['error'], abs=2e-3)
    assert found.error_after == pytest.approx(calibration(histogram_of(new, y))['error'], abs=2e-3) and found.error_after < 0.004
    dice = [2 * (y & (new > t)).sum() / ((new > t).sum() + y.sum()) for t in np.arange(1, 100) / 100]
    assert found.dice == pytest.approx(max(dice), abs=1e-3)
    assert dice[round(100 * found.threshold) - 1] == pytest.approx(max(dice), abs=2e-3)


def test_every_data_set_counts_alike_however_many_pixels_it_has():
    one, other = (log_odds_counts(histogram_of(*scores(1.0, shift))) for shift in (-1.0, 1.0))
    larger = {**other, **{name: [10 * count for count in other[name]] for name in ('background', 'vessels')}}
    found, same = recalibrate([one, other]), recalibrate([one, larger])
    assert (found.scale, found.shift, found.threshold) == pytest.approx((same.scale, same.shift, same.threshold), abs=1e-3)


def test_counts_hold_every_pixel_those_of_certain_scores_too():
    p = np.array([0, 1e-30, 0.5, 1 - 1e-7, 1], np.float32)
    found = log_odds_counts(histogram_of(p, np.array([False, False, True, True, True])))
    assert sum(found['background']) == 2 == found['background'][0] and sum(found['vessels']) == 3
    assert found['vessels'][round(-found['first'] / found['step'])] == 1


@pytest.mark.parametrize('labels', [[False, False], [True, True]])
def test_scores_of_one_kind_of_pixel_alone_are_refused(labels):
    with pytest.raises(DataError, match='vessel and pixels that are not'):
        recalibrate([log_odds_counts(histogram_of(np.array([0.2, 0.8], np.float32), np.array(labels)))])
    with pytest.raises(DataError, match='no scores'):
        recalibrate([])

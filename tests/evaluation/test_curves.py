import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from mmseg_fundus.evaluation import ScoreHistogram, calibration, curves
from mmseg_fundus.evaluation.score_histogram import bin_scores, score_bins
from mmseg_fundus.results import without_nan


def histogram_of(p, y):
    histogram = ScoreHistogram()
    histogram.add(np.asarray(p, np.float32), np.asarray(y, bool))
    return histogram


@pytest.fixture(params=['spread', 'saturated'])
def scored(request):
    rng = np.random.default_rng(0)
    y = rng.random(300_000) < 0.12
    noise = rng.normal(4 * y - 3, 1.5) if request.param == 'spread' else rng.normal(40 * y - 30, 15)
    return (1 / (1 + np.exp(-noise))).astype(np.float32), y


def test_a_bins_score_is_that_of_its_pixels():
    p = np.concatenate([np.logspace(-30, -0.31, 5000), 1 - np.logspace(-7, -0.31, 5000)]).astype(np.float32).astype(float)
    error = np.abs(bin_scores(score_bins(p)) - p)
    assert (error <= np.minimum(p, 1 - p) / 2**13).all()
    assert bin_scores(score_bins(np.array([0, 0.5, 1], np.float32))).tolist() == [0, 0.5, 1]


def test_curves_are_scikit_learns_thinned(scored):
    p, y = scored
    found = curves(histogram_of(p, y))
    fpr, tpr, _ = sk.roc_curve(y, p)
    along = np.add(found['roc']['fpr'], found['roc']['tpr'])  # rises on both, where the curve is steep too
    assert np.interp(along, fpr + tpr, tpr) == pytest.approx(found['roc']['tpr'], abs=1e-4)
    assert sk.auc(found['roc']['fpr'], found['roc']['tpr']) == pytest.approx(sk.roc_auc_score(y, p), abs=2e-3)
    precision, recall, _ = sk.precision_recall_curve(y, p)
    expected = np.interp(found['pr']['recall'][1:], recall[::-1], precision[::-1])
    assert found['pr']['precision'][1:] == pytest.approx(expected, abs=5e-3)
    assert found['roc']['fpr'][0] == found['roc']['tpr'][0] == 0 and found['roc']['fpr'][-1] == found['roc']['tpr'][-1] == 1
    assert found['pr']['recall'][-1] == 1 and found['pr']['precision'][-1] == pytest.approx(y.mean(), abs=1e-6)
    for part in (found['roc'], found['pr']):
        assert len({len(column) for column in part.values()}) == 1 and len(next(iter(part.values()))) < 210
    assert without_nan(found) == found


def test_calibration_is_scikit_learns(scored):
    p, y = scored
    found = calibration(histogram_of(p, y))
    vessels, probability = calibration_curve(y, p, n_bins=10)
    assert found['probability'] == pytest.approx(probability, abs=1e-4) and found['vessels'] == pytest.approx(vessels, abs=1e-3)
    assert sum(found['pixels']) == len(p)


def test_calibration_by_hand():
    found = calibration(histogram_of([0.05, 0.05, 0.05, 0.05, 0.85, 1.0], [0, 0, 0, 1, 1, 1]))
    assert found['probability'] == pytest.approx([0.05, 0.85, 1], abs=1e-5) and found['pixels'] == [4, 1, 1]
    assert found['vessels'] == [0.25, 1, 1] and found['error'] == pytest.approx((4 * 0.2 + 0.15 + 0) / 6, abs=1e-5)
    assert calibration(histogram_of([0.5] * 4, [0, 0, 1, 1]))['error'] == 0


def test_equal_scores_are_one_point_and_one_class_has_no_curve():
    assert curves(histogram_of([0.3, 0.3], [0, 1]))['pr'] == {'recall': [1.0], 'precision': [0.5]}
    assert curves(histogram_of([0.3, 0.4], [1, 1])) is None and curves(ScoreHistogram()) is None

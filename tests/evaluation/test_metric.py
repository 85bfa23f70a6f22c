import numpy as np
import pytest
import torch
from mmseg.registry import METRICS
from sklearn import metrics as sk

from mmseg_fundus.errors import DataError
from mmseg_fundus.evaluation import VesselMetric, binary_figures, confusion_counts


def sample(prediction, label, path='x.png'):
    as_data = lambda values: dict(data=torch.as_tensor(np.asarray(values))[None])  # noqa: E731
    return dict(pred_sem_seg=as_data(prediction), gt_sem_seg=as_data(label), img_path=path)


@pytest.mark.parametrize(
    'prediction, label, expected',
    [
        ([[1, 1, 0, 0]], [[1, 0, 1, 0]], [1, 1, 1, 1]),
        ([[1, 1, 1, 1]], [[1, 0, 255, 255]], [1, 1, 0, 0]),  # ignored pixels count nowhere
        ([[0, 0, 0]], [[1, 1, 0]], [0, 0, 2, 1]),
        ([[1, 0]], [[255, 255]], [0, 0, 0, 0]),
    ],
)
def test_counts_by_hand(prediction, label, expected):
    assert confusion_counts(prediction, label).tolist() == expected


def test_figures_equal_scikit_learns_inside_the_field_of_view():
    rng = np.random.default_rng(0)
    pairs = [(rng.random((31, 17)) < 0.3, rng.choice([0, 1, 255], (31, 17), p=[0.6, 0.2, 0.2])) for _ in range(5)]
    metric = VesselMetric()
    metric.process({}, [sample(p.astype(int), y) for p, y in pairs])
    found = metric.evaluate(len(pairs))
    p = np.concatenate([p[y != 255] for p, y in pairs])
    y = np.concatenate([y[y != 255] for _, y in pairs])
    assert found == pytest.approx(
        {
            'Dice': sk.f1_score(y, p),
            'IoU': sk.jaccard_score(y, p),
            'Accuracy': sk.accuracy_score(y, p),
            'Sensitivity': sk.recall_score(y, p),
            'Specificity': sk.recall_score(y, p, pos_label=0),
            'Precision': sk.precision_score(y, p),
        },
        abs=1e-12,
    )


def test_an_empty_prediction_scores_dice_0_whatever_the_background():
    label = np.zeros((100, 100), int)
    label[0, :5] = 1
    metric = VesselMetric()
    metric.process({}, [sample(np.zeros_like(label), label)])
    figures = metric.evaluate(1)
    assert figures['Dice'] == figures['IoU'] == figures['Sensitivity'] == 0 and figures['Specificity'] == 1


def test_pictures_are_pooled_not_averaged():
    metric = VesselMetric()
    metric.process({}, [sample([[1]], [[1]]), sample([[0, 0, 0]], [[1, 1, 1]])])
    assert metric.evaluate(2)['Dice'] == pytest.approx(2 * 1 / (2 * 1 + 3))  # the mean of the two would be 0.5


def test_nothing_to_measure_is_nan_not_a_good_score():
    assert all(np.isnan(value) for value in binary_figures([0, 0, 0, 0]).values())


@pytest.mark.parametrize(
    'prediction, label, words', [([[0, 1]], [[0, 2]], 'labels must be'), ([[0]], [[0, 1]], 'differ in size'), ([[0]], [[700]], 'labels')]
)
def test_bad_labels_are_refused(prediction, label, words):
    with pytest.raises(DataError, match=words):
        confusion_counts(prediction, label)


def test_a_sample_without_label_is_refused():
    with pytest.raises(DataError, match='x.png: no label'):
        VesselMetric().process({}, [dict(img_path='x.png', pred_sem_seg=None)])


def test_predictions_are_written_on_request(tmp_path):
    from PIL import Image

    metric = METRICS.build(dict(type='VesselMetric', output_dir=str(tmp_path / 'out')))
    metric.process({}, [sample([[0, 1]], [[0, 1]], path='/data/eye 7.tif')])
    assert np.asarray(Image.open(tmp_path / 'out' / 'eye 7.png')).tolist() == [[0, 255]]

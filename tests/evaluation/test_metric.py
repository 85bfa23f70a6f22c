import csv
import io

import numpy as np
import pytest
import torch
from mmseg.registry import METRICS
from skimage.morphology import skeletonize
from sklearn import metrics as sk

from mmseg_fundus.errors import DataError
from mmseg_fundus.evaluation import VesselMetric, binary_figures, centerline_counts, cldice, confusion_counts
from mmseg_fundus.evaluation.scores import told_left_out
from mmseg_fundus.results.record import pictures_csv


def sample(prediction, label, path='x.png', probability=None, full=None):
    def as_data(values):
        return dict(data=torch.as_tensor(np.asarray(values))[None])

    found = dict(pred_sem_seg=as_data(prediction), gt_sem_seg=as_data(label), img_path=path)
    if probability is not None:
        found['seg_logits'] = dict(data=torch.stack([torch.zeros(probability.shape), torch.as_tensor(probability).logit()]))
    if full is not None:
        found['label'] = full
    return found


def eyes(count, seed=0, shape=(61, 47)):
    """Random labels, fields of view, and probabilities that know something of the label."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        label = rng.random(shape) < 0.15
        fov = np.zeros(shape, bool)
        fov[5:-6, 3:-2] = True
        probability = (1 / (1 + np.exp(-rng.normal(2.5 * label - 1.5, 1.2)))).astype(np.float32)
        yield f'eye{i}.png', label.astype(np.uint8), fov, probability


def by_scikit_learn(y, p):
    """The field's figures of flat labels and probabilities."""
    hard = p > 0.5
    return {
        'Dice': sk.f1_score(y, hard),
        'IoU': sk.jaccard_score(y, hard),
        'Accuracy': sk.accuracy_score(y, hard),
        'Sensitivity': sk.recall_score(y, hard),
        'Specificity': sk.recall_score(y, hard, pos_label=0),
        'Precision': sk.precision_score(y, hard),
        'MCC': sk.matthews_corrcoef(y, hard),
        'AUC-ROC': sk.roc_auc_score(y, p),
        'AUC-PR': sk.average_precision_score(y, p),
    }


def by_definition(prediction, label):
    """clDice from scikit-image's skeletons, as in its paper."""
    found, wanted = skeletonize(prediction), skeletonize(label)
    precision, sensitivity = (found & label).sum() / found.sum(), (wanted & prediction).sum() / wanted.sum()
    return 2 * precision * sensitivity / (precision + sensitivity)


def evaluated(pictures, **kwargs):
    metric = VesselMetric(**kwargs)
    for name, label, fov, probability in pictures:
        masked = np.where(fov, label, 255)
        metric.process({}, [sample((probability > 0.5).astype(int), masked, f'/data/{name}', probability, label)])
    return metric.evaluate(len(metric.results)), metric


def close(found, expected):
    assert set(found) >= set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=5e-5 if 'AUC' in name else 1e-12), name


def test_every_figure_equals_scikit_learns_pooled_per_picture_and_unmasked():
    pictures = list(eyes(5))
    metrics, metric = evaluated(pictures)
    flat = [np.concatenate([picture[i][picture[2]] for picture in pictures]) for i in (1, 3)]
    close(metrics, by_scikit_learn(*flat))
    each = [by_scikit_learn(label[fov], p[fov]) for _, label, fov, p in pictures]
    area = metric.report['field of view']
    close(area['mean'], {name: np.mean([e[name] for e in each]) for name in each[0]})
    close(area['sd'], {name: np.std([e[name] for e in each]) for name in each[0]})
    whole = metric.report['whole frame']['pooled']
    close(whole, by_scikit_learn(np.concatenate([p[1].ravel() for p in pictures]), np.concatenate([p[3].ravel() for p in pictures])))
    assert whole['Accuracy'] != metrics['Accuracy']


def test_areas_under_curves_state_how_far_they_can_be_off():
    pictures = list(eyes(3, shape=(300, 300)))
    metrics, metric = evaluated(pictures)
    y, p = (np.concatenate([picture[i][picture[2]] for picture in pictures]) for i in (1, 3))
    bounds = metric.report['field of view']['bounds']
    for name, exact in (('AUC-ROC', sk.roc_auc_score(y, p)), ('AUC-PR', sk.average_precision_score(y, p))):
        assert abs(metrics[name] - exact) <= bounds[name] < 1e-3


def test_cldice_equals_its_definition_with_scikit_images_skeleton():
    pictures = list(eyes(3, seed=1))
    metrics, metric = evaluated(pictures)
    values = [by_definition((p > 0.5) & fov, (label == 1) & fov) for _, label, fov, p in pictures]
    assert metric.report['field of view']['mean']['clDice'] == pytest.approx(np.mean(values), abs=1e-12)
    assert metrics['clDice'] == cldice(sum(centerline_counts((p > 0.5) & fov, (label == 1) & fov) for _, label, fov, p in pictures))
    line = np.zeros((20, 20), bool)
    line[10, 2:18] = True
    assert cldice(centerline_counts(line, np.roll(line, 5, axis=0))) == 0 and cldice(centerline_counts(line, line)) == 1
    assert cldice(centerline_counts(line & False, line)) == 0 and np.isnan(cldice(centerline_counts(line & False, line & False)))


def test_the_table_of_pictures_has_a_line_for_each():
    pictures = list(eyes(3))
    _, metric = evaluated(pictures)
    rows = list(csv.DictReader(io.StringIO(pictures_csv(metric.report['pictures']))))
    assert [row['picture'] for row in rows] == ['eye0', 'eye1', 'eye2']
    name, label, fov, p = pictures[1]
    assert float(rows[1]['Dice']) == pytest.approx(sk.f1_score(label[fov], p[fov] > 0.5), abs=1e-6)
    assert int(rows[1]['TP']) + int(rows[1]['FN']) == label[fov].sum()
    assert int(rows[1]['unmasked TP']) + int(rows[1]['unmasked FN']) == label.sum()


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


def test_an_empty_prediction_scores_dice_0_whatever_the_background():
    label = np.zeros((100, 100), int)
    label[0, :5] = 1
    metric = VesselMetric()
    metric.process({}, [sample(np.zeros_like(label), label)])
    figures = metric.evaluate(1)
    assert figures['Dice'] == figures['IoU'] == figures['Sensitivity'] == figures['clDice'] == 0 and figures['Specificity'] == 1


def test_pictures_are_pooled_not_averaged():
    metric = VesselMetric()
    metric.process({}, [sample([[1]], [[1]]), sample([[0, 0, 0]], [[1, 1, 1]])])
    assert metric.evaluate(2)['Dice'] == pytest.approx(2 * 1 / (2 * 1 + 3))  # the mean of the two would be 0.5


def test_nothing_to_measure_is_nan_not_a_good_score():
    assert all(np.isnan(value) for value in binary_figures([0, 0, 0, 0]).values())


def test_a_picture_without_vessels_is_left_out_of_the_means_of_what_it_does_not_define():
    (a, label, fov, p), (b, _, _, q) = eyes(2)
    _, metric = evaluated([(a, label, fov, p), (b, np.zeros_like(label), fov, np.zeros_like(q))])
    mean = metric.report['field of view']['mean']
    assert mean['AUC-ROC'] == pytest.approx(sk.roc_auc_score(label[fov], p[fov]), abs=1e-5)
    assert mean['Accuracy'] == pytest.approx((1 + sk.accuracy_score(label[fov], p[fov] > 0.5)) / 2)


def test_an_evaluation_forgets_the_one_before():
    _, metric = evaluated(eyes(2))
    for name, label, fov, p in eyes(3, seed=5):
        metric.process({}, [sample((p > 0.5).astype(int), np.where(fov, label, 255), name, p, label)])
    assert metric.evaluate(3) == evaluated(eyes(3, seed=5))[0]


def test_without_detail_only_what_is_pooled_inside_the_field_of_view():
    metrics, metric = evaluated(eyes(2), detail=False)
    assert 'clDice' not in metrics and 'whole frame' not in metric.report and metrics['AUC-ROC'] > 0.5


@pytest.mark.parametrize(
    'prediction, label, words', [([[0, 1]], [[0, 2]], 'labels must be'), ([[0]], [[0, 1]], 'differ in size'), ([[0]], [[700]], 'labels')]
)
def test_bad_labels_are_refused(prediction, label, words):
    with pytest.raises(DataError, match=words):
        confusion_counts(prediction, label)


def test_a_sample_without_label_is_refused():
    with pytest.raises(DataError, match='x.png: no label'):
        VesselMetric().process({}, [dict(img_path='x.png', pred_sem_seg=None)])


def test_a_prediction_of_another_shape_and_logits_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match='differ in size'):
        VesselMetric().process({}, [sample(np.zeros((3, 4), int), np.zeros((4, 3), int))])
    with pytest.raises(DataError, match='/data/x.png: the logits hold NaN'):
        VesselMetric().process({}, [sample([[0]], [[0]], '/data/x.png', np.array([[np.nan]], np.float32))])


def test_predictions_are_written_on_request(tmp_path):
    from PIL import Image

    metric = METRICS.build(dict(type='VesselMetric', output_dir=str(tmp_path / 'out')))
    metric.process({}, [sample([[0, 1]], [[0, 1]], path='/data/eye 7.tif')])
    metric.evaluate(1)
    assert np.asarray(Image.open(tmp_path / 'out' / 'eye 7.png').convert('L')).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    'label, words',
    [
        (np.zeros((4, 5), int), 'no pixel is vessel in the labels of all 2 pictures, so that Dice has no value; the first is /data/a.png'),
        (np.full((4, 5), 255), 'no pixel counts .*in the labels of all 2 pictures.*/data/a.png, its label not known'),
    ],
)
@pytest.mark.parametrize('prefix', [None, 'vessel'])
def test_labels_that_cannot_say_how_good_a_prediction_is_are_an_error(label, words, prefix):
    metric = VesselMetric(prefix=prefix)
    metric.process({}, [sample(np.zeros((4, 5), int), label, path) for path in ('/data/a.png', '/data/b.png')])
    with pytest.raises(DataError, match=words):
        metric.evaluate(2)
    metric.process({}, [sample(np.ones((4, 5), int), np.ones((4, 5), int))])
    assert metric.evaluate(1)[f'{prefix}/Dice' if prefix else 'Dice'] == 1, 'and the next evaluation is one of its own'


def test_how_many_pictures_a_mean_leaves_out_is_said():
    """Three pictures: one without a vessel, rightly found empty; one wholly missed; one half found."""
    vessel = np.zeros((20, 20), int)
    vessel[10, 2:18] = 1
    half = vessel.copy()
    half[10, 10:] = 0
    empty = np.zeros_like(vessel)
    metric = VesselMetric()
    metric.process({}, [sample(empty, empty), sample(empty, vessel), sample(half, vessel)])
    figures = metric.evaluate(3)
    area = metric.report['field of view']
    assert figures['Sensitivity'] == 8 / 32 and figures['Precision'] == 1 and figures['Dice'] == pytest.approx(16 / 40)
    assert (
        area['mean']['Dice'] == pytest.approx((0 + 16 / 24) / 2) and area['mean']['Sensitivity'] == 0.25 and area['mean']['Precision'] == 1
    )
    left_out = {
        name: area['left_out'].get(name, 0) for name in ('Dice', 'IoU', 'Accuracy', 'Sensitivity', 'Precision', 'MCC', 'Specificity')
    }
    assert left_out == dict(Dice=1, IoU=1, Accuracy=0, Sensitivity=1, Precision=2, MCC=2, Specificity=0)
    assert told_left_out({'Dice': 1, 'Precision': 2}, 3) == (
        'not defined, and left out of mean and sd: Dice of 1, Precision of 2 of the 3 pictures'
    )


def test_what_the_label_ignores_counts_nowhere_masked_or_not():
    """In the field of view and outside of it, in every figure, and in the choice of the threshold."""
    rng, pictures = np.random.default_rng(3), []
    for name, label, fov, p in eyes(3, seed=2):
        ignored = rng.random(label.shape) < 0.3
        pictures.append((name, np.where(ignored, 255, label), fov, p))
    metrics, metric = evaluated(pictures)
    for area, where in (('field of view', lambda label, fov: fov & (label != 255)), ('whole frame', lambda label, fov: label != 255)):
        y, p = (np.concatenate([picture[i][where(picture[1], picture[2])] for picture in pictures]) for i in (1, 3))
        close(metric.report[area]['pooled'], by_scikit_learn(y, p))
        skeletons = [centerline_counts((p > 0.5) & where(la, fov), (la == 1) & where(la, fov)) for _, la, fov, p in pictures]
        assert metric.report[area]['pooled']['clDice'] == cldice(sum(skeletons))
    assert metric.histogram.counts.sum() == sum((fov & (label != 255)).sum() for _, label, fov, _ in pictures)
    for row, (_, label, fov, _) in zip(metric.report['pictures'], pictures):
        assert sum(row[count] for count in ('TP', 'FP', 'FN', 'TN')) == (fov & (label != 255)).sum()
        assert sum(row[f'unmasked {count}'] for count in ('TP', 'FP', 'FN', 'TN')) == (label != 255).sum()
    assert metrics == metric.report['field of view']['pooled']

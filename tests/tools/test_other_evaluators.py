"""mmseg's IoUMetric and anybody's metric, beside VesselMetric or in its place."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from mmseg_fundus.report.gather import gather
from mmseg_fundus.report.page import make_page
from mmseg_fundus.results import without_nan

BOTH = "[dict(type='VesselMetric'), dict(type='IoUMetric', iou_metrics=['mIoU', 'mDice'])]"


def results_of(folder):
    return json.loads((folder / 'results.json').read_text())


def by_counts(rows):
    """IoUMetric's figures from the counts of the pictures inside the field of view: means over background and vessel, in percent."""
    tp, fp, fn, tn = (sum(row[name] for row in rows) for name in ('TP', 'FP', 'FN', 'TN'))
    vessel, background = (tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn)), (tn / (tn + fp + fn), 2 * tn / (2 * tn + fp + fn))
    both = dict(mIoU=(vessel[0] + background[0]) / 2, mDice=(vessel[1] + background[1]) / 2)
    return {**both, 'aAcc': (tp + tn) / (tp + fp + fn + tn), 'mAcc': (tp / (tp + fn) + tn / (tn + fp)) / 2}


def test_iou_metric_beside_vessel_metric_is_right_and_written_down(shell, root, tiny_checkpoint, tmp_path):
    config, checkpoint = tiny_checkpoint(f'test_evaluator = {BOTH}')
    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint, '--out', 'masks', '--threshold', 0.48, '--work-dir', 'tested')
    assert done.returncode == 0, done.stdout
    results = results_of(tmp_path / 'tested')
    rows = results['report']['pictures']
    for name, value in by_counts(rows).items():
        assert results['metrics'][name] == round(100 * value, 2), name
    assert results['metrics']['Dice'] == results['report']['field of view']['pooled']['Dice']
    masks = [np.asarray(Image.open(tmp_path / f'masks/{row["picture"]}.png').convert('L')) for row in rows]
    assert [(mask > 0).sum() for mask in masks] == [row['TP'] + row['FP'] for row in rows] and set(np.unique(masks)) == {0, 255}


@pytest.mark.parametrize(
    'evaluator',
    [
        "dict(_delete_=True, type='IoUMetric', iou_metrics=['mIoU'])",
        "dict(_delete_=True, type='Evaluator', metrics=dict(type='IoUMetric'))",
    ],
)
def test_iou_metric_alone_tests_and_its_masks_are_written(shell, root, tiny_checkpoint, tmp_path, evaluator):
    config, checkpoint = tiny_checkpoint(f'test_evaluator = {evaluator}')
    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint, '--out', 'masks', '--work-dir', 'tested')
    assert done.returncode == 0, done.stdout
    results = results_of(tmp_path / 'tested')
    assert set(results['metrics']) == {'aAcc', 'mIoU', 'mAcc'} and all(type(value) is float for value in results['metrics'].values())
    masks = {path.name: np.unique(np.asarray(Image.open(path).convert('L'))).tolist() for path in (tmp_path / 'masks').iterdir()}
    assert len(masks) == 3 and all(set(values) <= {0, 255} for values in masks.values()), 'black and white, not 0 and 1'
    assert not (tmp_path / 'tested/per_picture.csv').exists()
    page = make_page(gather(tmp_path / 'tested'))
    assert f'>{results["metrics"]["mIoU"]:.4f}<' in page and 'no figures of VesselMetric' in page
    table = shell(sys.executable, root / 'tools/results_table.py', '--results', 'r', '--add', 'tested/results.json')
    assert table.returncode == 1 and 'tested/results.json has no figures of VesselMetric' in table.stdout.splitlines()[-1], table.stdout


def test_a_training_validates_with_iou_metric_and_keeps_its_best(shell, root, tiny_config, tmp_path):
    extra = "val_evaluator = dict(_delete_=True, type='IoUMetric')\ndefault_hooks['checkpoint']['save_best'] = 'mIoU'"
    done = shell(sys.executable, root / 'tools/train.py', tiny_config(extra))
    assert done.returncode == 0, done.stdout
    results = results_of(tmp_path / 'work')
    assert (
        results['phase'] == 'val' and type(results['metrics']['mIoU']) is float and list((tmp_path / 'work').glob('best_mIoU_epoch_*.pth'))
    )
    done = shell(sys.executable, root / 'tools/train.py', tiny_config(extra), '--resume', '--epochs', 3)
    assert done.returncode == 0 and 'Epoch(train) [3]' in done.stdout, done.stdout


CUSTOM = """
import numpy, torch
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
@METRICS.register_module()
class Odd(BaseMetric):
    default_prefix = 'odd'
    def process(self, data_batch, data_samples):
        self.results.append(1)
    def compute_metrics(self, results):
        return dict(single=numpy.float32(98.2), tensor=torch.tensor(0.5), count=numpy.int64(7), classes=numpy.array([0.25, numpy.nan]),
                    maps=torch.tensor([1.0, 2.0]), name='x', more={'a': numpy.float64(1.5)})
"""


def test_a_metric_of_ones_own_returns_whatever_it_likes(shell, root, tiny_config, tmp_path):
    (tmp_path / 'odd_metric.py').write_text(CUSTOM)
    evaluators = "[dict(type='VesselMetric', detail=False), dict(type='Odd')]"
    extra = (
        f'import sys; sys.path.insert(0, {str(tmp_path)!r})\ndel sys\ncustom_imports = dict(imports=["odd_metric"])\n'
        f'val_evaluator = {evaluators}\ntest_evaluator = {evaluators}'
    )
    config = tiny_config(extra)
    expected = {
        **{'odd/single': 98.2, 'odd/tensor': 0.5, 'odd/count': 7, 'odd/classes': [0.25, None], 'odd/maps': [1.0, 2.0], 'odd/name': 'x'},
        'odd/more': {'a': 1.5},
    }
    done = shell(sys.executable, root / 'tools/train.py', config, '--epochs', 1)
    assert done.returncode == 0, done.stdout
    found = results_of(tmp_path / 'work')['metrics']
    assert {name: found[name] for name in expected} == expected and 'Dice' in found
    done = shell(sys.executable, root / 'tools/test.py', config, 'work/epoch_1.pth')
    assert done.returncode == 0, done.stdout
    found = results_of(tmp_path / 'work')['metrics']
    assert {name: found[name] for name in expected} == expected
    done = shell(sys.executable, root / 'tools/train.py', config, '--resume', '--epochs', 2)
    assert done.returncode == 0 and 'Epoch(train) [2]' in done.stdout, done.stdout


def test_two_evaluators_with_one_name_for_a_figure_are_a_line(shell, root, tiny_checkpoint):
    config, checkpoint = tiny_checkpoint("test_evaluator = [dict(type='VesselMetric'), dict(type='VesselMetric', detail=False)]")
    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint)
    assert done.returncode == 1 and done.stdout.strip().splitlines()[-1].startswith('error: two evaluators of the config both have'), (
        done.stdout
    )


@pytest.mark.parametrize(
    'value, plain',
    [
        (np.float32(0.1), 0.1),
        (np.float64('nan'), None),
        (torch.tensor(2), 2),
        (torch.tensor([1.5], dtype=torch.bfloat16), 1.5),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.bool_(True), True),
        ({1: (2, {3})}, {'1': [2, [3]]}),
        (float('inf'), None),
    ],
)
def test_what_json_holds(value, plain):
    found = without_nan(value)
    assert found == plain and type(found) is type(plain)

"""Calibration as a user runs it: fitted on tests that the training never saw, kept in a file of its own, used from then on."""

import json
import sys

import pytest
import torch

from mmseg_fundus.errors import CheckpointError
from mmseg_fundus.evaluation import recalibrate
from mmseg_fundus.fileio.safe_load import safe_load
from mmseg_fundus.models.calibrated import calibrated


@pytest.fixture
def tested(shell, root, tiny_config, tmp_path):
    """A short training and its test."""
    config = tiny_config("train_cfg['max_epochs'] = 1")
    assert shell(sys.executable, root / 'tools/train.py', config, '--work-dir', 'run').returncode == 0

    def test(work, checkpoint='run/epoch_1.pth', *options):
        done = shell(sys.executable, root / 'tools/test.py', config, checkpoint, '--work-dir', work, *options)
        return done, json.loads((tmp_path / work / 'results.json').read_text()) if done.returncode == 0 else None

    return test


def test_a_calibrated_checkpoint_has_the_probabilities_and_the_threshold_that_were_fitted(tested, shell, root, tmp_path):
    _, before = tested('before')
    calibrate = (sys.executable, root / 'tools/calibrate.py', 'run/epoch_1.pth')
    done = shell(*calibrate, 'calibrated.pth', '--on', 'before/results.json')
    assert done.returncode == 0, done.stdout
    fitted = recalibrate([before['report']['curves']['log_odds']])
    found = safe_load(tmp_path / 'calibrated.pth')
    assert found['meta']['calibration']['scale'] == pytest.approx(fitted.scale) and set(found) == {'meta', 'state_dict'}
    assert [one['data'] for one in found['meta']['calibration']['on']] == ['DRIVE'] and found['meta']['threshold']['pictures'] == 3
    done, after = tested('after', 'calibrated.pth')
    assert done.returncode == 0 and f'threshold {fitted.threshold:.2f}: stored with calibrated.pth' in done.stdout, done.stdout
    assert after['prediction']['threshold'] == fitted.threshold == after['threshold_chosen_on']['threshold']
    assert after['metrics']['AUC-ROC'] == pytest.approx(before['metrics']['AUC-ROC'], abs=1e-4)
    assert after['report']['curves']['calibration']['error'] == pytest.approx(fitted.error_after, abs=2e-3)
    assert fitted.error_after < before['report']['curves']['calibration']['error']
    assert after['metrics']['Dice'] == pytest.approx(fitted.dice, abs=5e-3) and after['calibration']['shift'] == pytest.approx(fitted.shift)
    _, asked = tested('asked', 'calibrated.pth', '--threshold', '0.9')
    assert asked['prediction']['threshold'] == 0.9 and asked['threshold_chosen_on'] is None
    _, named = tested('named', 'calibrated.pth', '--cfg-options', 'model.test_cfg.threshold=0.8')
    assert named['prediction']['threshold'] == 0.8 and named['threshold_chosen_on'] is None
    for options, words in {
        ('run/epoch_1.pth', 'calibrated.pth', '--on', 'before/results.json'): 'calibrated.pth exists; nothing was changed',
        ('calibrated.pth', 'twice.pth', '--on', 'before/results.json'): 'is calibrated already',
        ('run/epoch_1.pth', 'new.pth', '--on', 'after/results.json'): 'was calibrated already',
        ('run/epoch_1.pth', 'new.pth', '--on', 'before/results.json', 'before/results.json'): 'give each test once',
    }.items():
        done = shell(*calibrate[:2], *options)
        assert done.returncode == 1 and words in done.stdout and 'Traceback' not in done.stdout, done.stdout


def test_what_was_trained_on_or_holds_no_scores_is_refused(tested, shell, root, tmp_path):
    done, seen = tested('seen', 'run/epoch_1.pth', '--cfg-options', 'test_dataloader.dataset.split=trainval')
    assert done.returncode == 0 and seen['seen_in_training']
    _, before = tested('before')
    del before['report']['curves']['log_odds']
    (tmp_path / 'old.json').write_text(json.dumps(before))
    for file, words in {
        'seen/results.json': 'pictures were in the training of its checkpoint',
        'old.json': 'holds no scores (report.curves.log_odds)',
        'run/results.json': "is of phase 'val'",
        'missing.json': 'missing.json',
    }.items():
        done = shell(sys.executable, root / 'tools/calibrate.py', 'run/epoch_1.pth', 'new.pth', '--on', file)
        assert done.returncode == 1 and words in done.stdout and 'Traceback' not in done.stdout, done.stdout
        assert not (tmp_path / 'new.pth').exists()


def test_a_head_without_a_last_layer_is_refused():
    fitted = recalibrate([dict(first=-1.0, step=1.0, background=[3, 1, 1], vessels=[1, 1, 3])])
    with pytest.raises(CheckpointError, match='has no decode_head.conv_seg.weight'):
        calibrated({'state_dict': {'decode_head.other': torch.zeros(2)}}, fitted, [], 'some.pth')

"""Labels without a vessel: a line in the first second, or at the latest where a figure has no value; never `Dice nan` and exit status 0."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets.synthetic import write_drive_layout

UNCHECKED = "{0}_dataloader['dataset'].update(data_root={1!r}, verify=False)"


@pytest.fixture
def empty(tmp_path):
    """DRIVE's folders, whose labels have no vessel."""
    root = write_drive_layout(tmp_path / 'DRIVE', training=4, test=3, size=64)
    for path in root.rglob('*manual1.gif'):
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    return root


def last_line(done):
    return done.stdout.strip().splitlines()[-1]


def test_a_test_of_labels_without_vessels_ends_in_a_line(shell, root, tiny_checkpoint, empty, tmp_path):
    config, checkpoint = tiny_checkpoint()
    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint, '--data-root', empty)
    assert done.returncode == 1 and 'no label of its 3 pictures has a vessel; the first is' in last_line(done), done.stdout
    config, checkpoint = tiny_checkpoint(UNCHECKED.format('test', str(empty)))
    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint)
    assert done.returncode == 1 and last_line(done).startswith('error: no pixel is vessel in the labels of all 3 pictures'), done.stdout
    assert '01_manual1.gif' in last_line(done) and not (tmp_path / 'work/results.json').exists()


def test_a_training_and_a_choice_of_threshold_on_such_labels_end_in_a_line(shell, root, tiny_checkpoint, empty):
    config, checkpoint = tiny_checkpoint(UNCHECKED.format('val', str(empty)))
    done = shell(sys.executable, root / 'tools/train.py', config)
    assert done.returncode == 1 and last_line(done).startswith('error: no pixel is vessel in the label of the picture'), done.stdout
    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint, '--choose-threshold')
    assert done.returncode == 1 and last_line(done).startswith('error: no pixel is vessel in the label of the picture'), done.stdout
    done = shell(sys.executable, root / 'tools/evaluate_masks.py', empty / 'test/1st_manual', empty)
    assert done.returncode == 1 and last_line(done).startswith('error: no pixel is vessel in the labels of all 3 pictures'), done.stdout


def test_one_picture_without_vessels_among_others_is_counted(shell, root, tiny_checkpoint, empty, drive_like, tmp_path):
    first = next((empty / 'test/1st_manual').iterdir())
    for path in (empty / 'test/1st_manual').iterdir():
        if path != first:
            path.write_bytes((drive_like / 'test/1st_manual' / path.name).read_bytes())
    config, checkpoint = tiny_checkpoint()
    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint, '--data-root', empty)
    assert done.returncode == 0 and 'left out of mean and sd: ' in done.stdout and 'Sensitivity of 1' in done.stdout, done.stdout
    report = json.loads((tmp_path / 'work/results.json').read_text())['report']
    assert report['field of view']['left_out']['Sensitivity'] == report['field of view']['left_out']['AUC-ROC'] == 1
    rows = [row['Sensitivity'] for row in report['pictures'] if row['Sensitivity'] is not None]
    assert len(rows) == 2 and report['field of view']['mean']['Sensitivity'] == pytest.approx(sum(rows) / 2)

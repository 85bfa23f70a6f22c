"""tools/measure_agreement.py: measures of predictions against those of the labels."""

import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.synthetic import write_drive_layout


@pytest.fixture
def drive(tmp_path):
    """DRIVE's folders; the second observer draws one pixel to the right, the predictions miss the lower half."""
    root = write_drive_layout(tmp_path / 'DRIVE', training=2, test=4, size=96)
    (root / 'test/2nd_manual').mkdir()
    (tmp_path / 'found').mkdir()
    for path in (root / 'test/1st_manual').iterdir():
        label = read_mask(path)
        Image.fromarray(np.roll(label, 1, axis=1) * 255).save(root / 'test/2nd_manual' / path.name.replace('manual1', 'manual2'))
        half = label.copy()
        half[48:] = 0
        Image.fromarray(half * 255).save(tmp_path / 'found' / path.name.replace('_manual1.gif', '_test.png'))
    return root


def test_predictions_and_the_second_observer_are_measured_against_the_first(shell, root, drive, tmp_path):
    done = shell(sys.executable, root / 'tools/measure_agreement.py', 'found', drive, '--name', 'half', '--out', 'agreement.json')
    assert done.returncode == 0, done.stdout
    assert '4 pictures of DRIVE' in done.stdout and '| vessel_area_density | second observer | 4 |' in done.stdout
    found = json.loads((tmp_path / 'agreement.json').read_text())
    half, second = (found['agreement'][way]['vessel_area_px2'] for way in ('half', 'second observer'))
    assert half['bias'] < -0.3 * half['mean'] and abs(second['bias']) < 0.05 * second['mean'] and second['icc'] > half['icc']
    assert len(found['measures']['label']) == len(found['measures']['half']) == 4
    for name, row in found['measures']['half'].items():
        assert row['fov_area_px2'] == found['measures']['label'][name]['fov_area_px2']


def test_labels_as_predictions_agree_with_themselves(shell, root, drive, tmp_path):
    shutil.copytree(drive / 'test/1st_manual', tmp_path / 'same')
    done = shell(sys.executable, root / 'tools/measure_agreement.py', 'same', drive)
    lines = [line for line in done.stdout.splitlines() if '| same |' in line]
    assert done.returncode == 0 and lines and all('| +0 | +0 to +0 | 1.000 |' in line or '| - |' in line for line in lines), done.stdout


@pytest.mark.parametrize(
    'words, said',
    [
        (['gone', 'DRIVE'], 'gone'),
        (['found', 'DRIVE', '--threshold', '1'], '--threshold 1.0: 0 or more, and less than 1'),
        (['found', 'DRIVE', '--out', 'there.json'], '--out there.json is there already'),
        (['found', 'DRIVE', '--out', 'no/where.json'], '--out no/where.json lies in no folder'),
    ],
    ids=['no predictions', 'threshold', 'a file that is there', 'no folder'],
)
def test_bad_input_is_one_line(shell, root, drive, tmp_path, words, said):
    (tmp_path / 'there.json').write_text('mine')
    done = shell(sys.executable, root / 'tools/measure_agreement.py', *words)
    assert done.returncode == 1 and said in done.stdout and 'Traceback' not in done.stdout, done.stdout
    assert (tmp_path / 'there.json').read_text() == 'mine'

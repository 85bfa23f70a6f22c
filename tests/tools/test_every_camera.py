"""One recipe for every camera: what each training sees, what it is tested on, and that it goes on where it was stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets.synthetic import synthetic_fundus, write_drive_layout
from mmseg_fundus.fileio.safe_load import safe_load

EMPTY_TABLE = '<!-- results: made by tools/results_table.py, do not edit -->\n<!-- end of results -->\n'
RECIPE = """_base_ = {base!r}
model = dict(decode_head=dict(detail_channels=(4, 4)), test_cfg=dict(pixels_per_degree=1.5, tta=False))
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, sampler=dict(repeats=1),
    dataset=dict(view=dict(size=(32, 32), pixels_per_degree=1.5)),
)
val_dataloader = test_dataloader = dict(num_workers=0, persistent_workers=False)
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(checkpoint=dict(interval=1))
"""


def write_chase(folder):
    """Four training and two test pictures under CHASE_DB1's names, 64 pixels wide."""
    folder.mkdir(parents=True)
    for number in (2, 3, 11):
        for side in 'LR':
            picture, vessels, _ = synthetic_fundus(2 * number + (side == 'R'), 64)
            Image.fromarray(picture).save(folder / f'Image_{number:02d}{side}.jpg')
            Image.fromarray((np.asarray(vessels) > 0).astype(np.uint8) * 255).convert('1').save(
                folder / f'Image_{number:02d}{side}_1stHO.png'
            )
    return folder


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp('pictures')
    write_drive_layout(folder / 'DRIVE', training=4, test=3, size=64)
    write_chase(folder / 'CHASE_DB1')
    return folder


@pytest.fixture
def arguments(root, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / 'data')
    (tmp_path / 'README.md').write_text(EMPTY_TABLE)
    (tmp_path / 'recipe.py').write_text(RECIPE.format(base=str(root / 'configs/contrast_unet.py')))
    outputs = ('--work-dir', 'out', '--results', 'results', '--readme', 'README.md')
    return [root / 'tools/reproduce.py', '--gpus', '0', *outputs, '--data-root', 'data', '--config', 'recipe.py']


def damage(tmp_path):
    """A training picture whose header is right and whose contents are not."""
    path = tmp_path / 'data/CHASE_DB1/Image_03L.jpg'
    path.write_bytes(path.read_bytes()[:900])


def test_a_camera_that_is_left_out_is_not_trained_on_and_the_rest_goes_on_after_a_fault(shell, arguments, tmp_path):
    whole = (tmp_path / 'data/CHASE_DB1/Image_03L.jpg').read_bytes()
    planned = shell(sys.executable, *arguments, '--leave-one-out', '--dry-run')
    assert planned.returncode == 0 and '2 trainings, 2 to do' in planned.stdout, planned.stdout
    assert not (tmp_path / 'out').exists() and not (tmp_path / 'results').exists()
    damage(tmp_path)
    done = shell(sys.executable, *arguments, '--leave-one-out')
    assert done.returncode == 1 and '2 of 2 trainings failed' in done.stdout and 'train.log' in done.stdout, done.stdout
    assert (tmp_path / 'out/recipe_from_DRIVE_seed1/trained').is_file()  # it fails at the test on the damaged picture
    (tmp_path / 'data/CHASE_DB1/Image_03L.jpg').write_bytes(whole)
    done = shell(sys.executable, *arguments, '--leave-one-out')
    assert done.returncode == 0, done.stdout
    results = {}
    for trained, tested in (('DRIVE', 'CHASE_DB1'), ('CHASE_DB1', 'DRIVE')):
        folder = tmp_path / f'out/recipe_from_{trained}_seed1'
        found = safe_load(folder / 'epoch_1.pth')['meta']['training']
        results[tested] = json.loads((folder / f'test_on_{tested}/results.json').read_text())
        assert len(found['files']) == 4 and results[tested]['seen_in_training'] == []
        assert not set(found['files']) & set(results[tested]['files'])
        assert len(results[tested]['files']) == dict(DRIVE=3, CHASE_DB1=2)[tested]
    for tested, trained in (('CHASE_DB1', 'DRIVE'), ('DRIVE', 'CHASE_DB1')):
        again = json.loads((tmp_path / f'out/recipe_from_{trained}_seed1/test_on_{tested}_calibrated/results.json').read_text())
        (on,) = again['calibration']['on']
        assert on['data'] == trained and on['split'] == 'trainval' and again['threshold_chosen_on']['class'] == trained
        assert set(on['files']) == set(safe_load(tmp_path / f'out/recipe_from_{trained}_seed1/epoch_1.pth')['meta']['training']['files'])
    assert 'calibrated on CHASE_DB1 trainval' in (tmp_path / 'README.md').read_text()
    assert len(list((tmp_path / 'results').glob('*.json'))) == 8  # two trainings, two halves each, before and after
    again = shell(sys.executable, *arguments, '--leave-one-out', '--dry-run')
    assert again.returncode == 0 and '2 trainings, 0 to do' in again.stdout, again.stdout
    other = shell(sys.executable, *arguments, '--leave-one-out', '--epochs', '2')
    assert other.returncode == 1 and 'Traceback' not in other.stdout and other.stdout.count('error: ') == 1, other.stdout


def test_an_interrupt_begins_no_further_training(zygote, arguments, tmp_path):
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    command = [sys.executable, *arguments, '--leave-one-out', '--seeds', '1', '2']
    process = zygote.popen(command, os.environ, cwd=tmp_path, start_new_session=True, **streams)
    while 'training on the CPU' not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and out.endswith('interrupted\n') and 'Traceback' not in out, out
    assert len(list((tmp_path / 'out').glob('*/train.log'))) == 1


@pytest.mark.parametrize(
    'options, words',
    [
        (('--leave-one-out', '--sets', 'DRIVE'), 'two sets or more were expected'),
        (('--leave-one-out', '--sets', 'DRIVE', 'HRF'), 'HRF'),
        (('--leave-one-out', '--epochs', '0'), 'epochs'),
    ],
)
def test_what_cannot_be_trained_is_said_first(shell, arguments, tmp_path, options, words):
    done = shell(sys.executable, *arguments, *options)
    assert done.returncode == 1 and words in done.stdout and 'Traceback' not in done.stdout, done.stdout
    assert not (tmp_path / 'out').exists()

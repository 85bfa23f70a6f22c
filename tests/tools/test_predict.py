"""tools/predict.py: a folder in, a tree of the same shape out; what is bad is named, what is done is left."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets.synthetic import synthetic_fundus


@pytest.fixture
def predict(shell, root, tiny_checkpoint):
    config, checkpoint = tiny_checkpoint()
    common = (root / 'tools/predict.py', '--config', config, '--checkpoint', checkpoint, '--device', 'cpu')
    return lambda *arguments: shell(sys.executable, *common, *arguments)


@pytest.fixture
def eyes(tmp_path):
    """Good and bad photographs of all kinds, in folders."""
    folder = tmp_path / 'eyes'
    (folder / 'left/deep').mkdir(parents=True)
    picture = synthetic_fundus(1, 64)[0]
    Image.fromarray(picture).save(folder / 'a.png')
    Image.fromarray(picture).save(folder / 'a.jpg')
    Image.fromarray(np.dstack([picture, np.full((64, 64), 9, np.uint8)])).save(folder / 'left/alpha.png')
    Image.fromarray(picture[..., 1]).save(folder / 'left/grey.bmp')
    Image.fromarray(np.full((1, 1, 3), 80, np.uint8)).save(folder / 'left/deep/dot.png')
    cv2.imwrite(str(folder / 'left/deep/sixteen.tif'), picture.astype(np.uint16)[..., ::-1] * 257)
    (folder / 'text.png').write_text('no picture')
    Image.fromarray(picture).save(folder / 'broken.tif')
    (folder / 'broken.tif').write_bytes((folder / 'broken.tif').read_bytes()[:3000])
    (folder / 'notes.txt').write_text('not looked at')
    return folder


GOOD = {'a_png', 'a_jpg', 'left/alpha', 'left/grey', 'left/deep/dot', 'left/deep/sixteen'}


def names(folder, suffix):
    return {path.relative_to(folder).with_suffix('').as_posix() for path in folder.rglob(f'*.{suffix}')}


def test_all_good_ones_are_predicted_and_the_bad_ones_named_at_the_end(predict, eyes, tmp_path):
    done = predict(eyes, '-o', 'out', '--save', 'mask', 'probability', 'overlay', 'measurements', 'segments', '--um-per-pixel', '5')
    assert done.returncode == 1 and 'Traceback' not in done.stdout
    end = done.stdout.strip().splitlines()[-5:]
    assert '6 predicted, 0 were there already, 2 failed' in end.pop(0)
    assert end[0].startswith('1 flagged, see measurements.csv: left/deep/dot (') and 'partly unreadable' in end[0]
    assert end[1].startswith('failed: ') and 'broken.tif is truncated or damaged' in ''.join(end[1:3])
    assert 'text.png is no picture' in ''.join(end[1:3]) and '2 of 8 photographs could not be predicted' in end[3]
    out = tmp_path / 'out'
    assert names(out / 'mask', 'png') == names(out / 'probability', 'png') == names(out / 'overlay', 'jpg') == GOOD
    mask, probability = (np.asarray(Image.open(out / kind / 'left/alpha.png')) for kind in ('mask', 'probability'))
    assert mask.shape == probability.shape == (64, 64) and set(np.unique(mask)) <= {0, 255}
    assert np.array_equal(mask > 0, probability > 0.5 * 65535) and probability.max() > 255, '16 bit'
    for name in GOOD:
        segments = list(csv.DictReader((out / f'segments/{name}.csv').open()))
        measured = json.loads((out / f'measurements/{name}.json').read_text())
        assert sum(float(one['length_um']) for one in segments) == pytest.approx(measured['skeleton_length_um'], rel=1e-4)
    rows = list(csv.DictReader((out / 'measurements.csv').open()))
    assert {row['agreement'] for row in rows} == {'not known: no agreement is stored with the checkpoint (tools/test.py --store-agreement)'}
    assert {row['picture'] for row in rows} == GOOD and 'mean_width_um' in rows[0]
    framed = predict(eyes / 'left', '-o', 'framed', '--save', 'measurements', '--whole-frame')
    assert framed.returncode == 0 and 'cropped' not in (tmp_path / 'framed/measurements.csv').read_text()
    assert [row['picture'] for row in rows if 'partly unreadable' in row['flags']] == ['left/deep/dot']


def test_what_is_done_is_not_done_again_and_other_settings_do_not_mix(predict, eyes, tmp_path):
    (eyes / 'text.png').unlink(), (eyes / 'broken.tif').unlink()
    assert predict(eyes, '-o', 'out').returncode == 0
    (tmp_path / 'out/mask/a_jpg.png').unlink()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').rglob('*.*') if path.name != 'settings.json'}
    done = predict(eyes, '-o', 'out')
    assert done.returncode == 0 and '1 predicted, 5 were there already' in done.stdout
    changed = {path.name for path, when in before.items() if path.stat().st_mtime_ns != when}
    assert (
        changed == {'a_jpg.png', 'a_jpg.jpg', 'a_jpg.json', 'measurements.csv', 'index.html'}
        and (tmp_path / 'out/mask/a_jpg.png').is_file()
    )
    done = predict(eyes, '-o', 'out', '--threshold', '0.3')
    assert done.returncode == 1 and 'holds predictions made otherwise (other prediction' in done.stdout
    assert '6 predicted' in predict(eyes, '-o', 'out', '--threshold', '0.3', '--overwrite').stdout


def test_killed_at_any_time_no_file_is_half_written_and_the_next_run_finishes(root, zygote, predict, tiny_checkpoint, tmp_path):
    folder = tmp_path / 'many'
    folder.mkdir()
    for i in range(12):
        Image.fromarray(synthetic_fundus(i, 64)[0]).save(folder / f'{i}.png')
    config, checkpoint = tiny_checkpoint()
    command = [sys.executable, root / 'tools/predict.py', folder, '-o', 'out', '--config', config, '--checkpoint', checkpoint]
    process = zygote.popen(command, dict(os.environ), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while len(list((tmp_path / 'out').rglob('*.jpg'))) < 3 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = [path for path in (tmp_path / 'out').rglob('*.*') if path.suffix in ('.png', '.jpg')]
    for path in whole:
        Image.open(path).load()
    done = predict(folder, '-o', 'out')
    assert done.returncode == 0 and '0 failed' in done.stdout and ' 0 were there already' not in done.stdout
    assert len(list((tmp_path / 'out/overlay').iterdir())) == 12 and not list((tmp_path / 'out').rglob('.*.tmp'))
    page = (tmp_path / 'out/index.html').read_text()
    assert all(f'<bdi>{i}</bdi>' in page for i in range(12)) and f'look at {tmp_path / "out/index.html"}' in done.stdout


def test_with_no_other_argument_all_is_written_and_the_page_names_what_failed(predict, eyes, tmp_path):
    done = predict(eyes, '-o', 'out')
    out = tmp_path / 'out'
    assert done.returncode == 1 and '6 predicted' in done.stdout and f'look at {out / "index.html"}' in done.stdout
    for kind, suffix in {'mask': 'png', 'probability': 'png', 'overlay': 'jpg', 'fov': 'png', 'measurements': 'json'}.items():
        assert names(out / kind, suffix) == GOOD
    assert {path.name for path in out.iterdir() if path.is_file()} == {'index.html', 'measurements.csv', 'settings.json'}
    page = (out / 'index.html').read_text()
    assert all(f'<bdi>{name}</bdi>' in page for name in GOOD) and '2 photographs could not be predicted' in page
    assert 'text.png is no picture' in page and 'broken.tif is truncated or damaged' in page
    assert predict(eyes / 'left', '-o', 'few', '--save', 'mask').returncode == 0
    assert {path.name for path in (tmp_path / 'few').iterdir()} == {'mask', 'settings.json'}


def test_patterns_single_files_npz_and_predictions_inside_the_input_folder(predict, eyes, tmp_path):
    done = predict(str(eyes / 'left/**/*.png'), eyes / 'a.jpg', '-o', eyes / 'out', '--save', 'probability', '--probability-format', 'npz')
    assert done.returncode == 0, done.stdout
    assert names(eyes / 'out/probability', 'npz') == {'alpha', 'dot', 'a'}
    probability = np.load(eyes / 'out/probability/alpha.npz')['probability']
    assert probability.dtype == np.float16 and probability.shape == (64, 64) and 0 <= probability.min() <= probability.max() <= 1
    assert json.loads((eyes / 'out/settings.json').read_text())['prediction']['threshold'] == 0.5
    again = predict(eyes / 'left', '-o', eyes / 'left/out', '--save', 'mask')
    assert again.returncode == 0 and '4 predicted' in again.stdout
    again = predict(eyes / 'left', '-o', eyes / 'left/out', '--save', 'mask')
    assert '0 predicted, 4 were there already' in again.stdout, 'predictions are no photographs'


def test_what_is_not_there_is_said_before_a_model_is_built(predict, tmp_path):
    (tmp_path / 'empty').mkdir()
    for given, words in (('nowhere', 'nowhere: no such file or folder'), ('empty', 'empty holds no picture')):
        done = predict(given, '-o', 'out')
        assert done.returncode == 1 and words in done.stdout and not os.path.exists(tmp_path / 'out')


def test_the_threshold_chosen_on_training_pictures_is_kept_with_the_checkpoint(shell, root, tiny_checkpoint, drive_like, tmp_path):
    config, checkpoint = tiny_checkpoint()
    test = (sys.executable, root / 'tools/test.py', config, checkpoint, '--work-dir', 'test')
    assert 'give both' in shell(*test, '--store-threshold').stdout
    done = shell(*test, '--choose-threshold', '--store-threshold')
    assert done.returncode == 0, done.stdout
    chosen = json.loads((tmp_path / 'test/results.json').read_text())['threshold_chosen_on']
    common = (sys.executable, root / 'tools/predict.py', drive_like / 'test/images', '--config', config, '--checkpoint', checkpoint)
    assert shell(*common, '-o', 'out', '--save', 'mask').returncode == 0
    assert json.loads((tmp_path / 'out/settings.json').read_text())['prediction']['threshold'] == chosen['threshold']


def test_the_agreement_that_a_test_found_is_kept_with_the_checkpoint_and_told_beside_measurements(
    shell, root, tiny_checkpoint, drive_like, tmp_path
):
    config, checkpoint = tiny_checkpoint()
    test = (sys.executable, root / 'tools/test.py', config, checkpoint, '--work-dir', 'test', '--store-agreement')
    before = Path(checkpoint).read_bytes()
    done = shell(*test, '--cfg-options', 'test_evaluator.detail=False')
    assert done.returncode == 1 and done.stdout.strip().count('\n') == 0, done.stdout  # before a picture is tested
    assert '--store-agreement: the test would measure nothing' in done.stdout and Path(checkpoint).read_bytes() == before
    assert shell(*test).returncode == 0
    found = json.loads((tmp_path / 'test/results.json').read_text())['report']['field of view']['agreement']
    eyes = drive_like / 'test/images'
    common = (sys.executable, root / 'tools/predict.py', eyes, '--config', config, '--checkpoint', checkpoint)
    assert shell(*common, '-o', 'out').returncode == 0
    (note,) = {row['agreement'] for row in csv.DictReader((tmp_path / 'out/measurements.csv').open())}
    assert note in unescape((tmp_path / 'out/index.html').read_text()) and ', test)' in note
    for grade in ('excellent', 'good', 'moderate', 'poor'):
        names = [name for name, one in found.items() if one['grade'] == grade]
        assert not names or f'{grade}: {", ".join(names)}' in note, note


def test_measurements_are_in_degrees_of_the_eye_that_the_photograph_shows(predict, tmp_path):
    (tmp_path / 'eyes').mkdir()
    picture, _, fov = synthetic_fundus(3, 128)
    Image.fromarray(picture).save(tmp_path / 'eyes/a.png')
    common = ('eyes', '--field-angle', '30', '--save', 'measurements', 'index', 'segments', 'fov')
    for out, more in (('pixels', ()), ('degrees', ('--per-degree',))):
        assert predict(*common, '-o', out, *more).returncode == 0
    pixels, degrees = (json.loads((tmp_path / out / 'measurements/a.json').read_text()) for out in ('pixels', 'degrees'))
    columns = np.flatnonzero(np.asarray(Image.open(tmp_path / 'degrees/fov/a.png')).any(0))
    scale = 30 / (columns[-1] - columns[0] + 1)
    assert degrees['skeleton_length_deg'] == pytest.approx(scale * pixels['skeleton_length_px'])
    assert degrees['fov_area_deg2'] == pytest.approx(math.pi * 15**2, rel=0.03)
    assert (
        'Length, °' in (tmp_path / 'degrees/index.html').read_text() and 'length_deg' in (tmp_path / 'degrees/segments/a.csv').read_text()
    )
    done = predict(*common, '-o', 'pixels', '--per-degree')
    assert done.returncode == 1 and 'holds predictions made otherwise' in done.stdout
    assert 'leave one out' in predict(*common, '-o', 'both', '--per-degree', '--um-per-pixel', '4').stdout

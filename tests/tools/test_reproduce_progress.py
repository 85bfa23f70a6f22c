"""What reproduce.py says of trainings and tests that run: how far, how long yet."""

import importlib.util
import io
import json
import time

import pytest


@pytest.fixture
def progress(root):
    spec = importlib.util.spec_from_file_location('_progress', root / 'tools/_progress.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def console(progress, tmp_path):
    """A console that is no terminal, its trainings, and a clock that is set by hand."""
    stream, now = io.StringIO(), [1000.0]
    shown = progress.Progress({'a': 100, 'b': 100}, 1, stream, lambda: now[0])

    def after(seconds):
        stream.seek(0)
        stream.truncate()
        now[0] += seconds
        shown.tick()
        return stream.getvalue()

    return shown, after


def at_step(folder, step):
    path = folder / 'run/vis_data/scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({'train/loss': 0.5, 'iter': step, 'epoch': 1 + step // 50}) + '\n')


def test_a_training_says_its_epoch_and_both_times_left(console, tmp_path):
    shown, after = console
    shown.train('a', tmp_path, 2, 100)
    assert after(61) == '[1/2] a: starting\n'
    at_step(tmp_path, 10)
    after(60)
    at_step(tmp_path, 40)
    assert after(60) == '[1/2] a: epoch 1/2, about 2 min left; all: about 5 min left and tests\n'
    assert after(1) == '', 'a line each minute, where nothing is shown in place'


def line(done, count, eta):
    return f'11/30 16:00:00 - mmengine - INFO - Epoch(test) [{done:>3}/{count}]    eta: {eta}  time: 6.1  data_time: 0.1  \n'


def test_a_test_says_its_pictures_and_the_time_left(console, tmp_path):
    shown, after = console
    log = tmp_path / 'test.log'
    log.write_text(line(20, 20, '0:00:00'))  # of the test before
    shown.train('a', tmp_path, 2, 100)
    shown.test('a', 'on_HRF')
    assert after(61).startswith('[1/2] a: testing (on_HRF)\n')
    with log.open('a') as file:
        file.write(line(10, 15, '0:02:05') + 'anything else\n')
    assert after(61).startswith('[1/2] a: testing (on_HRF), 10/15, about 2 min left\n')
    shown.test('a', 'on_DRIVE')
    assert after(61).startswith('[1/2] a: testing (on_DRIVE)\n')


@pytest.mark.parametrize('eta, told', [('0:00:30', '30 s'), ('1:05:00', '1 h 5 min'), ('1 day, 1:00:00', '25 h 0 min')])
def test_times_left_are_read_as_mmengine_writes_them(progress, tmp_path, eta, told):
    (tmp_path / 'test.log').write_text(line(1, 20, eta))
    assert progress.last_tested(tmp_path / 'test.log', 0) == f'1/20, about {told} left'


def test_what_an_earlier_run_wrote_is_not_told(console, tmp_path):
    shown, after = console
    at_step(tmp_path, 90)
    time.sleep(0.05)
    shown.train('a', tmp_path, 2, 100)
    assert after(61) == '[1/2] a: starting\n'


def test_a_training_that_is_calibrated_and_tested_again_is_counted_once(console, tmp_path):
    shown, after = console
    for name in ('a', 'b'):
        shown.train(name, tmp_path / name, 2, 0)
        shown.end(name)
    after(1)
    shown.again('a', tmp_path / 'a')
    shown.test('a', 'on_HRF_calibrated')
    assert after(61) == '[2/2] a: testing (on_HRF_calibrated)\n'
    shown.end('a')
    after(1)
    assert shown.finished == 2

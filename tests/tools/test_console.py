"""What stands on the console, and what in the log file alone; hooks and backends of mmengine that a config names."""

import json
import sys

import pytest
from mmengine.config import Config
from mmseg.registry import VISBACKENDS

from mmseg_fundus.engine.explain import explain

MOST = 25  # lines before the first step
PACKAGES = dict(Wandb='wandb', MLflow='mlflow', ClearML='clearml', Neptune='neptune', DVCLive='dvclive', Aim='aim')


def before(words, text):
    lines = text.splitlines()
    return next(i for i, line in enumerate(lines) if words in line), '\n'.join(lines)


def whole(text):
    """The log file has the environment, the configuration, the hooks."""
    return all(
        words in text for words in ('System environment:', 'PyTorch: ', 'Config:\n', "type='VesselSegmentor'", 'Hooks will be executed')
    )


@pytest.fixture
def log(tmp_path):
    return lambda folder: sorted((tmp_path / folder).glob('*/*.log'))[-1].read_text()


def test_the_console_is_short_and_the_log_file_whole(shell, root, tiny_config, tmp_path, log):
    config = tiny_config()
    done = shell(sys.executable, root / 'tools/train.py', config, '--work-dir', 'run')
    count, text = before('Epoch(train)', done.stdout)
    assert done.returncode == 0 and count <= MOST, text
    for words in ('54/54 encoder tensors loaded', '5 pictures (64x64', 'feature cache: 5 pictures', 'configuration and hooks are in '):
        assert words in text.split('Epoch(train)')[0], f'{words}: of use at the console'
    for words in ('System environment', 'Config:', 'Hooks will', 'deprecated', 'Exp name'):
        assert words not in text, words
    assert whole(log('run')) and 'Exp name' in log('run') and 'Epoch(val) [2]' in log('run')

    done = shell(sys.executable, root / 'tools/train.py', config, '--work-dir', 'run', '--resume', '--epochs', 3)
    count, text = before('Epoch(train) [3]', done.stdout)
    assert done.returncode == 0 and count <= MOST and 'resumed key' not in text and 'resumed epoch: 2' in text, text
    assert whole(log('run')) and 'resumed key' not in log('run'), 'a checkpoint names nothing that it does not hold'

    done = shell(sys.executable, root / 'tools/test.py', config, 'run/epoch_2.pth', '--work-dir', 'tested')
    count, text = before('pixels in the field of view', done.stdout)
    assert done.returncode == 0 and count <= MOST and whole(log('tested')), text


def test_two_processes_say_things_once(shell, root, tiny_config, tmp_path, log):
    done = shell('bash', root / 'tools/dist_train.sh', tiny_config(), 2, '--work-dir', tmp_path / 'run')
    count, text = before('Epoch(train)', done.stdout)
    assert done.returncode == 0 and count <= MOST and text.count('encoder tensors loaded') == 1, text
    assert whole(log('run'))


def test_who_debugs_sees_all(shell, root, tiny_config):
    done = shell(sys.executable, root / 'tools/train.py', tiny_config("log_level = 'DEBUG'"), '--epochs', 1)
    assert done.returncode == 0 and whole(done.stdout)


def test_stock_hooks_stop_and_keep_the_best_without_a_rule(shell, root, tiny_config, tmp_path):
    """A learning rate of next to nothing: the second validation is no better, so the third epoch is not trained."""
    config = tiny_config(
        "custom_hooks = [dict(type='EarlyStoppingHook', monitor='Dice', patience=1), dict(type='ResultsHook')]\n"
        "optim_wrapper['optimizer']['lr'] = 1e-12\ntrain_cfg['max_epochs'] = 4"
    )
    done = shell(sys.executable, root / 'tools/train.py', config)
    assert done.returncode == 0 and 'did not improve' in done.stdout and 'Epoch(train) [3]' not in done.stdout, done.stdout
    done = shell(sys.executable, root / 'tools/test.py', config, 'work/epoch_1.pth', '--work-dir', 'tested')
    assert done.returncode == 0 and json.loads((tmp_path / 'tested/results.json').read_text())['phase'] == 'test', done.stdout


@pytest.mark.parametrize('backend, package', PACKAGES.items())
def test_a_backend_that_is_not_installed_is_explained(tmp_path, monkeypatch, backend, package):
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not there
    with pytest.raises(ImportError) as caught:
        VISBACKENDS.build(dict(type=f'{backend}VisBackend', save_dir=str(tmp_path))).add_config(Config(dict(a=1)))
    line = explain(caught.value)
    assert (
        line.startswith('the config has a backend in visualizer.vis_backends whose package is not installed: pip install')
        and package in line
    )


def test_a_missing_backend_ends_a_training_in_that_line_before_anything_is_loaded(shell, root, tiny_config):
    config = tiny_config("import sys\nsys.modules['wandb'] = None\ndel sys\nvisualizer = dict(vis_backends=[dict(type='WandbVisBackend')])")
    done = shell(sys.executable, root / 'tools/train.py', config)
    lines = done.stdout.strip().splitlines()
    assert done.returncode == 1 and lines[-1].endswith('not installed: pip install wandb, or leave it out') and len(lines) < 5, done.stdout
    assert 'Traceback' not in done.stdout


def test_an_import_error_of_something_else_stays_one():
    assert explain(ImportError("No module named 'mine'")) is None

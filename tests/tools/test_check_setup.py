"""The pre-flight check gives the right verdict, in a table, with a matching exit status."""

import json
import os
import runpy
import shutil
import socket
import sys

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.models.encoders import Normalisation


@pytest.fixture
def check(root, zygote, monkeypatch, capfd):
    monkeypatch.setattr(sys, 'executable', str(zygote.python))  # of the processes that meet

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['check_setup.py', *map(str, arguments)])
        monkeypatch.syspath_prepend(str(root / 'tools'))
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(root / 'tools' / 'check_setup.py'), run_name='__main__')
        out = capfd.readouterr().out
        verdicts = {}
        for line in out.splitlines():
            for verdict in ('ok', 'warning', 'problem', 'not checked'):
                if line.startswith(verdict.ljust(12)):
                    verdicts[line[12:31].strip()] = verdict
        return stop.value.code, verdicts, ' '.join(out.split())

    return run


def test_a_healthy_setup_is_all_ok_and_renders_a_sample(check, tiny_config, tmp_path, monkeypatch):
    monkeypatch.delenv('PORT', raising=False)
    status, verdicts, out = check(tiny_config(), '--gpus', 2)
    assert status == 0 and set(verdicts.values()) == {'ok'} and len(verdicts) == 12, out
    assert 'ready to train' in out and '2 process(es) met' in out and '54/54 encoder tensors' in out
    sample = np.asarray(Image.open(tmp_path / 'work' / 'check_setup_sample.png'))
    assert sample.shape == (64, 3 * 64, 3)


def test_the_checks_are_told_as_json(shell, root, tiny_config, tmp_path):
    command = (sys.executable, root / 'tools/check_setup.py', tiny_config(), '--json', '--weights', tmp_path / 'nowhere.pth')
    done = shell(*command)
    found = json.loads(done.stdout)
    verdicts = {check['name']: check['verdict'] for check in found['checks']}
    assert done.returncode == 1 and found['ready'] is False and verdicts['weights and model'] == 'problem' and verdicts['data'] == 'ok'
    assert all(set(check) == {'name', 'verdict', 'detail'} for check in found['checks'])


@pytest.mark.parametrize('kind', ['missing', 'wrong'])
def test_missing_or_wrong_weights_are_the_problem_and_the_rest_is_still_checked(check, tiny_config, other_weights, tmp_path, kind):
    file = tmp_path / 'nowhere.pth' if kind == 'missing' else other_weights(num_layers=3)
    status, verdicts, out = check(tiny_config(), '--weights', file)
    assert status == 1 and verdicts['weights and model'] == 'problem' and str(file) in out
    assert verdicts['data'] == verdicts['sample'] == verdicts['process group'] == 'ok'
    assert verdicts['forward pass'] == verdicts['training step'] == 'not checked'
    assert ('looked for' if kind == 'missing' else 'does not fit the encoder') in out


def test_missing_data_or_odd_labels_are_the_problem(check, tiny_config, drive_like, tmp_path):
    status, verdicts, out = check(tiny_config(), '--data-root', tmp_path / 'nowhere')
    assert status == 1 and verdicts['data'] == 'problem' and verdicts['sample'] == 'not checked' and verdicts['weights and model'] == 'ok'
    assert f'looked for {tmp_path}/nowhere' in out
    copy = shutil.copytree(drive_like, tmp_path / 'DRIVE')
    label = copy / 'training/1st_manual/23_manual1.gif'
    Image.fromarray(np.resize(np.array([0, 90, 255], np.uint8), (64, 64))).save(label)
    status, verdicts, out = check(tiny_config(), '--data-root', copy)
    assert status == 1 and verdicts['data'] == 'problem' and f'{label} holds 3 different values (0, 90, 255)' in out


def test_an_occupied_port_is_the_problem(check, tiny_config, monkeypatch):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        monkeypatch.setitem(os.environ, 'PORT', str(taken.getsockname()[1]))
        status, verdicts, out = check(tiny_config())
    assert status == 1 and verdicts['port'] == 'problem' and verdicts['process group'] == 'not checked'
    assert verdicts['training step'] == 'ok' and 'cannot be used' in out and 'unset PORT' in out


def test_frozen_parameters_in_the_optimizer_are_the_problem(check, tiny_config):
    status, verdicts, out = check(tiny_config("optim_wrapper['constructor'] = 'DefaultOptimWrapperConstructor'"))
    assert status == 1 and verdicts['training step'] == 'problem' and 'TrainableOptimWrapperConstructor' in out


def test_a_normalisation_that_is_not_the_familys_is_a_warning_with_both(check, tiny_config, monkeypatch):
    """As with RETFound's files, whose users took the mean and std of other pictures and were told nothing."""
    status, verdicts, out = check(tiny_config())
    assert verdicts['normalisation'] == 'ok' and 'normalisation mean (0.424, 0.261, 0.128)' in out
    found = property(lambda self: Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    monkeypatch.setattr('mmseg_fundus.models.FrozenVisionTransformer.normalisation', found)
    other = "model['data_preprocessor'] = dict(type='FundusDataPreprocessor', mean=[.5] * 3, std=[.5] * 3)"
    status, verdicts, out = check(tiny_config(other))
    assert status == 0 and verdicts['normalisation'] == 'warning' and verdicts['training step'] == 'ok'
    assert 'the config has mean (0.500, 0.500, 0.500)' in out and 'was trained with mean (0.485, 0.456, 0.406)' in out
    assert 'ready to train; look at the warning first: normalisation' in out


def test_a_warning_of_python_that_stops_a_check_is_a_problem_of_it(check, tiny_config, monkeypatch):
    """As with ``python -W error``: the check did not come to its end."""
    monkeypatch.setattr('mmseg_fundus.engine.preflight.Preflight.parameters', lambda self: (_ for _ in ()).throw(UserWarning('old')))
    status, verdicts, out = check(tiny_config())
    assert status == 1 and verdicts['parameters'] == 'problem' and 'UserWarning: old' in out

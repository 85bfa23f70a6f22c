"""A training on two data sets at once: cached, killed and resumed as one on a single set, recorded, and seen again by a test."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
import torch

from mmseg_fundus.datasets.synthetic import write_drive_layout

spec = importlib.util.spec_from_file_location('layouts_of_sets', __file__.replace('tools/test_two_sources.py', 'datasets/layouts.py'))
layouts = importlib.util.module_from_spec(spec)
spec.loader.exec_module(layouts)

TWO = """
_both = dict(_delete_=True, type='FundusVessels', source=[
    dict(type='DRIVE', root={drive!r}), dict(type='CHASE_DB1', root={chase!r}, division=dict(first=3, val_fraction=0.34))])
train_dataloader['dataset'] = dict(_both, view=dict(size=(64, 64), look=dict(blur=0.5)))
train_dataloader['sampler'] = dict(views=3, draw='balanced')
val_dataloader['dataset'] = dict(_both, split='val', test_mode=True, pipeline={{{{_base_.test_pipeline}}}})
test_dataloader['dataset'] = dict(_both, split={split!r}, test_mode=True, pipeline={{{{_base_.test_pipeline}}}})
train_dataloader['batch_size'] = 2
train_cfg['max_epochs'] = 6
default_hooks['checkpoint']['max_keep_ckpts'] = -1
del _both
"""


@pytest.fixture
def two(tmp_path):
    """Folders of both: 4 and 3 training pictures of which 1 and 1 are held out."""
    drive = write_drive_layout(tmp_path / 'sets' / 'DRIVE', training=4, test=2, size=64)
    return dict(drive=str(drive), chase=str(layouts.write_chase(tmp_path / 'sets' / 'CHASE_DB1')), split='test')


def weights(path):
    return torch.load(path, weights_only=False)['state_dict']


def test_trained_cached_killed_resumed_recorded_and_tested(shell, root, tiny_config, tmp_path, two):
    config = tiny_config(TWO.format(**two))
    whole = shell(sys.executable, root / 'tools/train.py', config, '--work-dir', 'whole')
    assert whole.returncode == 0, whole.stdout
    assert 'feature cache: 5 pictures x 3 views' in whole.stdout, whole.stdout

    command = [sys.executable, str(root / 'tools/train.py'), str(config), '--work-dir', str(tmp_path / 'killed')]
    env = {**os.environ, 'OMP_NUM_THREADS': '1'}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    epochs = 0
    while epochs < 3 and (line := process.stdout.readline()):
        epochs += 'Epoch(train)' in line
    process.kill()
    process.communicate()
    assert epochs == 3 and not (tmp_path / 'killed/epoch_6.pth').exists()
    resumed = shell(sys.executable, root / 'tools/train.py', config, '--work-dir', 'killed', '--resume')
    assert resumed.returncode == 0, resumed.stdout
    expected, found = weights(tmp_path / 'whole/epoch_6.pth'), weights(tmp_path / 'killed/epoch_6.pth')
    assert all(torch.equal(expected[name], found[name]) for name in expected)

    training = torch.load(tmp_path / 'whole/epoch_6.pth', weights_only=False)['meta']['training']
    assert [part['class'] for part in training['data']['parts']] == ['DRIVEVesselDataset', 'ChaseDB1VesselDataset']
    assert [part['field_angle'] for part in training['data']['parts']] == [45.0, 30.0]
    assert len(training['files']) == 5 and len(training['validation_files']) == 2

    # elsewhere: the folders of the checkpoint are found, the config's are gone
    moved = tiny_config(TWO.format(**{**two, 'drive': '/nowhere/DRIVE', 'chase': '/nowhere/CHASE_DB1'}), name='moved.py')
    tested = shell(sys.executable, root / 'tools/test.py', moved, tmp_path / 'whole/epoch_6.pth', '--work-dir', 'tested', '--out', 'masks')
    assert tested.returncode == 0, tested.stdout
    results = json.loads((tmp_path / 'tested/results.json').read_text())
    assert [part['pictures'] for part in results['data']['parts']] == [2, 25] and len(results['report']['pictures']) == 27
    assert 'were in the training' not in tested.stdout

    seen = shell(
        *(sys.executable, root / 'tools/test.py', config, tmp_path / 'whole/epoch_6.pth', '--work-dir', 'seen'),
        *('--data-root', tmp_path / 'sets', '--cfg-options', 'test_dataloader.dataset.split=trainval'),
    )
    assert seen.returncode == 0 and '5 of the 7 pictures of this evaluation were in the training' in seen.stdout, seen.stdout
    page = shell(sys.executable, root / 'tools/report.py', 'seen')
    assert page.returncode == 0, page.stdout

"""Checkpoints and results say what they were made from, and a test that meets pictures of the training is called one."""

import hashlib
import json
import subprocess
import sys

import torch

from mmseg_fundus.models.safe_load import safe_load


def test_checkpoints_and_results_say_what_they_were_made_from(root, shell, tiny_config, drive_like, tmp_path):
    config = tiny_config()
    assert shell(sys.executable, root / 'tools/train.py', config, '--epochs', '1', '--seed', '7').returncode == 0
    meta = safe_load(tmp_path / 'work/epoch_1.pth')['meta']
    training = meta['training']
    revision = subprocess.run(['git', '-C', root, 'rev-parse', 'HEAD'], capture_output=True, text=True).stdout.strip()
    assert training['seed'] == 7 and training['versions']['torch'] == torch.__version__
    assert (training['git'] or {}).get('revision', '') == revision
    assert len(training['files']) == 5 and len(training['validation_files']) == 1
    assert not set(training['files']) & set(training['validation_files'])
    assert "type='VesselUpsamplingHead'" in meta['cfg'] and meta['encoder']['sha256']

    done = shell(sys.executable, root / 'tools/test.py', config, tmp_path / 'work/epoch_1.pth', '--work-dir', tmp_path / 'test')
    results = json.loads((tmp_path / 'test/results.json').read_text())
    assert 'pictures of this evaluation' not in done.stdout and results['seen_in_training'] == []
    picture = min((drive_like / 'test/images').iterdir())
    assert results['files'][picture.stem]['picture'] == hashlib.sha256(picture.read_bytes()).hexdigest()[:16]
    assert len(results['files']) == 3 and 'label' in results['files'][picture.stem]
    assert 'VesselUpsamplingHead' in results['config_text'] and results['weights']['sha256'] and results['versions'] and 'git' in results

    options = ['--cfg-options', 'test_dataloader.dataset.split=trainval']
    seen = shell(sys.executable, root / 'tools/test.py', config, tmp_path / 'work/epoch_1.pth', '--work-dir', tmp_path / 'seen', *options)
    assert '5 of the 6 pictures of this evaluation were in the training of the checkpoint' in seen.stdout
    assert set(json.loads((tmp_path / 'seen/results.json').read_text())['seen_in_training']) == set(training['files'])


def test_the_number_of_workers_changes_no_weight(root, shell, tiny_config, tmp_path):
    states = []
    for workers in (0, 1, 3):
        work = tmp_path / f'workers{workers}'
        options = ['--epochs', '2', '--work-dir', work, '--cfg-options', f'train_dataloader.num_workers={workers}']
        assert shell(sys.executable, root / 'tools/train.py', tiny_config(), *options).returncode == 0
        states.append(safe_load(work / 'epoch_2.pth')['state_dict'])
    assert all(torch.equal(tensor, other[name]) for other in states[1:] for name, tensor in states[0].items())

"""Checkpoints and results say what they were made from, and a test that meets pictures of the training is called one."""

import hashlib
import json
import subprocess
import sys

import torch

from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.fileio.safe_load import safe_load
from mmseg_fundus.results.provenance import difference, git_state, merged


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


def test_pictures_of_an_earlier_part_of_the_training_stay_known(root, shell, tiny_config, tmp_path):
    other = write_drive_layout(tmp_path / 'other', training=6, test=3, size=64, seed=5)
    config, train = tiny_config(), [sys.executable, root / 'tools/train.py']
    assert shell(*train, config, '--epochs', '1').returncode == 0
    first = safe_load(tmp_path / 'work/epoch_1.pth')['meta']['training']['files']
    done = shell(*train, config, '--epochs', '2', '--resume', '--data-root', other)
    assert done.returncode == 0 and 'are not those that the resumed checkpoint was trained on: 5 changed' in done.stdout
    tuned = ['--epochs', '1', '--data-root', other, '--work-dir', tmp_path / 'tuned']
    assert shell(*train, config, *tuned, '--cfg-options', f'load_from={tmp_path / "work/epoch_1.pth"}').returncode == 0
    for checkpoint in (tmp_path / 'work/epoch_2.pth', tmp_path / 'tuned/epoch_1.pth'):
        assert safe_load(checkpoint)['meta']['training']['earlier_files'] == first
        options = ['--work-dir', tmp_path / 'test', '--cfg-options', 'test_dataloader.dataset.split=trainval']
        done = shell(sys.executable, root / 'tools/test.py', config, checkpoint, *options)
        assert '5 of the 6 pictures of this evaluation were in the training of the checkpoint' in done.stdout


def test_several_data_sets_in_one_are_recorded_and_an_unrecorded_training_is_said(root, shell, tiny_config, tmp_path):
    other = write_drive_layout(tmp_path / 'other', training=6, test=3, size=64, seed=5)
    config = tiny_config(
        'one = {**_base_.train_dataloader.dataset, **train_dataloader["dataset"]}\n'
        f'two = {{**one, "data_root": {str(other)!r}}}\n'
        'train_dataloader = dict(num_workers=0, persistent_workers=False,\n'
        '    sampler=dict(_delete_=True, type="DefaultSampler", shuffle=True),\n'
        '    dataset=dict(_delete_=True, type="ConcatDataset", datasets=[one, two]))'
    )
    done = shell(sys.executable, root / 'tools/train.py', config, '--epochs', '1')
    assert done.returncode == 0, done.stdout[-2000:]
    content = safe_load(tmp_path / 'work/epoch_1.pth')
    training = content['meta']['training']
    assert len(training['files']) == 10 and len(training['data']['parts']) == 2
    training.pop('files')
    torch.save(content, tmp_path / 'unknown.pth')
    done = shell(sys.executable, root / 'tools/test.py', config, tmp_path / 'unknown.pth', '--work-dir', tmp_path / 'test')
    assert done.returncode == 0 and 'does not say which pictures it was trained on' in done.stdout


def test_lists_of_pictures_are_put_together_and_compared():
    one, two = {'a': {'picture': '1', 'label': '2'}, 'b': {'picture': '3'}}, {'a': {'picture': '4'}, 'b': {'picture': '3'}}
    assert merged(one, two, None, ['no list']) == {**one, 'a (4)': {'picture': '4'}}
    changed = {'a': {'picture': '1', 'label': '5', 'fov': '6'}, 'c': {'picture': '7'}}
    assert difference(changed, one) == '1 new (c), 1 missing (b), 1 changed (a)' and difference(one, one) == ''


def test_the_revision_is_this_checkouts_whatever_git_hook_runs(root, tmp_path, monkeypatch):
    subprocess.run(['git', 'init', '-q', tmp_path / 'other'], check=True)
    monkeypatch.setenv('GIT_DIR', str(tmp_path / 'other/.git'))
    revision = {} if git_state.__wrapped__() is None else git_state.__wrapped__()
    monkeypatch.delenv('GIT_DIR')
    found = subprocess.run(['git', '-C', root, 'rev-parse', 'HEAD'], capture_output=True, text=True)
    assert revision.get('revision', '') == found.stdout.strip()

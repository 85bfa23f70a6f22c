"""What a training does to checkpoints that lie in its work folder already: none is lost, none is taken for its own."""

import sys

import pytest
import torch

from mmseg_fundus.engine.work_folder import occupy
from mmseg_fundus.fileio.safe_load import safe_load


@pytest.fixture
def train(root, shell, tmp_path):
    return lambda config, *options: shell(sys.executable, root / 'tools/train.py', config, '--work-dir', tmp_path / 'work', *options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob('*.pth')}


@pytest.mark.parametrize('elsewhere', [False, True], ids=['of the folder', 'of another folder'])
def test_resumed_at_an_earlier_epoch_what_came_after_it_is_moved_aside(train, tiny_config, tmp_path, elsewhere):
    config = tiny_config("default_hooks['checkpoint']['max_keep_ckpts'] = 3")
    assert train(config, '--epochs', '4').returncode == 0
    work, before = tmp_path / 'work', contents(tmp_path / 'work')
    start = work / 'epoch_2.pth'
    if elsewhere:
        start = start.rename(tmp_path / 'mine.pth')
        del before['epoch_2.pth']
    done = train(config, '--epochs', '3', '--resume', start)
    assert done.returncode == 0, done.stdout[-2000:]
    after, (aside,) = contents(work), work.glob('before_*')
    moved = [name for name in before if elsewhere or int(name.split('_')[-1].split('.')[0]) > 2]
    assert contents(aside) == {name: before[name] for name in moved} and len(moved) >= 2
    assert after.keys() >= {'epoch_3.pth'} and 'epoch_4.pth' not in after
    assert ('epoch_2.pth' in after) != elsewhere and start.exists()
    assert (work / 'last_checkpoint').read_text().endswith('epoch_3.pth')


def test_a_second_training_in_the_same_folder_is_refused(train, tiny_config, tmp_path):
    (tmp_path / 'work').mkdir()
    with occupy(tmp_path / 'work'):
        done = train(tiny_config(), '--epochs', '1')
        assert done.returncode == 1 and 'another training is writing into' in done.stdout.strip().splitlines()[-1]
        assert not contents(tmp_path / 'work')
    assert train(tiny_config(), '--epochs', '1').returncode == 0


def test_a_resumed_training_goes_on_with_its_own_seed(train, tiny_config, tmp_path, served, monkeypatch):
    config = tiny_config("model['decode_head']['dropout_ratio'] = 0.1")
    assert train(config, '--epochs', '2', '--seed', '7').returncode == 0
    whole = safe_load(tmp_path / 'work/epoch_2.pth')
    refused = train(config, '--epochs', '2', '--resume', tmp_path / 'work/epoch_1.pth', '--seed', '5')
    assert refused.returncode == 1 and 'was trained with seed 7' in refused.stdout.strip().splitlines()[-1]
    (tmp_path / 'work/epoch_1.pth').rename(tmp_path / 'first.pth')
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    config_says = ['--cfg-options', 'resume=True']
    for options in (['--resume', 'first.pth'], [*config_says, 'load_from=first.pth'], [*config_says, f'load_from={served}/first.pth']):
        done = train(config, '--epochs', '2', *options)
        assert done.returncode == 0, done.stdout[-2000:]
        again = safe_load(tmp_path / 'work/epoch_2.pth')
        assert again['meta']['seed'] == 7
        assert all(torch.equal(tensor, again['state_dict'][name]) for name, tensor in whole['state_dict'].items())


def test_averaged_weights_are_resumed_and_leave_the_encoder_out(train, tiny_config, tmp_path):
    config = tiny_config("custom_hooks = [dict(type='EMAHook', momentum=0.1)]")
    assert train(config, '--epochs', '2').returncode == 0
    whole = safe_load(tmp_path / 'work/epoch_2.pth')
    assert not any('backbone' in name for name in [*whole['ema_state_dict'], *whole['state_dict']])
    done = train(config, '--epochs', '2', '--resume', tmp_path / 'work/epoch_1.pth')
    assert done.returncode == 0, done.stdout[-2000:]
    again = safe_load(tmp_path / 'work/epoch_2.pth')
    for kind in ('state_dict', 'ema_state_dict'):
        assert all(torch.equal(tensor, again[kind][name]) for name, tensor in whole[kind].items())

"""A checkpoint that cannot be continued is refused in one line, before a step is trained."""

import sys

import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmseg_fundus.fileio.safe_load import safe_load

NAN = float('nan')
SPOILT = {
    'no meta': lambda c: c.pop('meta'),
    'meta a list': lambda c: c.update(meta=[1]),
    'no epoch': lambda c: c['meta'].pop('epoch'),
    'endless epoch': lambda c: c['meta'].update(epoch=10**18),
    'epoch nan': lambda c: c['meta'].update(epoch=NAN),
    'epoch a tensor': lambda c: c['meta'].update(epoch=torch.ones(1)),
    'iter text': lambda c: c['meta'].update(iter='7'),
    'seed text': lambda c: c['meta'].update(seed='7'),
    'seconds text': lambda c: c['meta']['training'].update(seconds='7'),
    'no hub': lambda c: c.pop('message_hub'),
    'hub text': lambda c: c.update(message_hub='x'),
    'score text': lambda c: c['message_hub']['runtime_info'].update(best_score='x'),
    'no optimizer': lambda c: c.pop('optimizer'),
    'optimizer text': lambda c: c.update(optimizer='x'),
    'a group less': lambda c: c['optimizer']['param_groups'].pop(),
    'moments of other shape': lambda c: c['optimizer']['state'][0].update(exp_avg=torch.ones(3)),
    'moments nan': lambda c: c['optimizer']['state'][0]['exp_avg'].fill_(NAN),
    'moments text': lambda c: c['optimizer']['state'][0].update(exp_avg='x'),
    'curves under a number': lambda c: c['message_hub'].update(log_scalars={1: HistoryBuffer([1.0], [1])}),
}


@pytest.fixture
def trained(root, shell, tiny_config, tmp_path):
    config = tiny_config()
    assert shell(sys.executable, root / 'tools/train.py', config, '--epochs', '1').returncode == 0
    return config, tmp_path / 'work/epoch_1.pth'


def test_one_line_says_what_is_wrong(root, shell, trained, tmp_path):
    config, whole = trained
    for name, spoil in SPOILT.items():
        content = safe_load(whole)
        spoil(content)
        torch.save(content, tmp_path / 'spoilt.pth')
        done = shell(sys.executable, root / 'tools/train.py', config, '--epochs', '2', '--resume', tmp_path / 'spoilt.pth')
        last = done.stdout.strip().splitlines()[-1]
        assert done.returncode == 1 and last.startswith('error: ') and 'spoilt.pth' in last, (name, done.stdout[-1500:])
        assert 'Traceback' not in done.stdout and 'Epoch(train) [2]' not in done.stdout, name
    assert whole.exists()


def test_schedules_are_the_configs_whatever_the_file_says(root, shell, trained, tmp_path):
    config, whole = trained
    assert shell(sys.executable, root / 'tools/train.py', config, '--epochs', '2', '--work-dir', 'two').returncode == 0
    expected = safe_load(tmp_path / 'two/epoch_2.pth')['param_schedulers']
    whole = whole.rename(tmp_path / 'first.pth')
    for spoil in (
        lambda c: c.update(param_schedulers=[]),
        lambda c: c.update(param_schedulers='x'),
        lambda c: c['param_schedulers'][0].update(step=3, last_step='x', _global_step=[], base_values={}),
    ):
        content = safe_load(whole)
        spoil(content)
        torch.save(content, tmp_path / 'spoilt.pth')
        done = shell(sys.executable, root / 'tools/train.py', config, '--epochs', '2', '--resume', tmp_path / 'spoilt.pth')
        assert done.returncode == 0 and 'learning rate from here on' in done.stdout, done.stdout[-1500:]
        assert safe_load(tmp_path / 'work/epoch_2.pth')['param_schedulers'] == expected


def test_billions_of_epochs_are_no_work(root, shell, trained, tmp_path):
    config, whole = trained
    content = safe_load(whole)
    content['meta'].update(epoch=10**12, iter=10**12)
    torch.save(content, tmp_path / 'spoilt.pth')
    done = shell(sys.executable, root / 'tools/train.py', config, '--epochs', '2', '--resume', tmp_path / 'spoilt.pth')
    assert done.returncode == 0 and 'nothing to train' in done.stdout, done.stdout[-1500:]


def test_nothing_to_train_is_said(root, shell, trained):
    config, whole = trained
    done = shell(sys.executable, root / 'tools/train.py', config, '--epochs', '1', '--resume', whole)
    assert done.returncode == 0 and 'nothing to train' in done.stdout and whole.exists()

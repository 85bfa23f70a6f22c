"""Trainings that count iterations: files, curves, validation, exact resuming, and what is refused."""

import json
import math
import sys

import pytest
import torch

from mmseg_fundus.fileio.safe_load import safe_load

ITERATIONS = (
    "train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=8, val_interval=4)\n"
    'default_hooks = dict(checkpoint=dict(interval=3), logger=dict(interval=1))\n'
    "train_dataloader['batch_size'] = 2\nmodel['decode_head']['dropout_ratio'] = 0.1\n"
)


@pytest.fixture
def train(root, shell, tmp_path):
    def run(config, work, *options):
        return shell(sys.executable, root / 'tools/train.py', config, '--work-dir', tmp_path / work, *options)

    return run


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def lines(work):
    newest = max(work.rglob('scalars.json'), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(line) for line in newest.read_text().splitlines()]


def same_weights(first, second):
    first, second = safe_load(first), safe_load(second)
    assert all(torch.equal(tensor, second['state_dict'][name]) for name, tensor in first['state_dict'].items())
    for number, state in first['optimizer']['state'].items():
        assert all(torch.equal(state[key], second['optimizer']['state'][number][key]) for key in ('exp_avg', 'exp_avg_sq'))
    return first, second


def test_files_rate_and_figures_count_iterations_and_resuming_is_exact(train, tiny_config, tmp_path):
    config = tiny_config(ITERATIONS)
    done = train(config, 'run')
    assert done.returncode == 0, done.stdout[-2500:]
    work = tmp_path / 'run'
    best = next(name for name in names(work) if name.startswith('best_'))
    assert best in ('best_Dice_iter_4.pth', 'best_Dice_iter_8.pth')
    assert names(work) == [best, 'iter_3.pth', 'iter_6.pth', 'iter_8.pth']
    assert (work / 'last_checkpoint').read_text().endswith('iter_8.pth')
    found = lines(work)
    rate = {line['step']: line['train/lr'] for line in found if 'train/lr' in line}
    assert rate == pytest.approx({step: 0.003 * (1 + math.cos(math.pi * (step - 1) / 8)) / 2 for step in range(1, 9)}, rel=1e-4)
    assert [line['step'] for line in found if 'val/Dice' in line] == [4, 8]
    whole = safe_load(work / 'iter_8.pth')
    assert (whole['meta']['epoch'], whole['meta']['iter']) == (0, 8)
    (work / 'iter_8.pth').rename(tmp_path / 'whole.pth')
    assert safe_load(work / 'iter_3.pth')['message_hub']['runtime_info'].get('best_score') is None

    done = train(config, 'run', '--resume')  # from iter_6
    assert done.returncode == 0 and 'is resumed: ' not in done.stdout, done.stdout[-2500:]
    first, second = same_weights(tmp_path / 'whole.pth', work / 'iter_8.pth')
    assert first['param_schedulers'] == second['param_schedulers']

    done = train(config, 'run', '--resume', '--cfg-options', 'train_cfg.max_iters=12')  # from iter_8
    assert done.returncode == 0 and 'end 8 -> 12' in done.stdout, done.stdout[-2500:]
    rate = {line['step']: line['train/lr'] for line in lines(work) if 'train/lr' in line}
    assert rate == pytest.approx({step: 0.003 * (1 + math.cos(math.pi * (step - 1) / 12)) / 2 for step in range(9, 13)}, rel=1e-4)
    assert [name for name in names(work) if name.startswith('iter')] == ['iter_12.pth', 'iter_8.pth', 'iter_9.pth']

    done = train(config, 'run', '--resume', work / 'iter_9.pth', '--cfg-options', 'train_cfg.max_iters=9')
    assert done.returncode == 0 and 'nothing to train' in done.stdout and 'max_iters is 9' in done.stdout
    assert [path.name for path in work.glob('before_*/iter_*')] == ['iter_12.pth']
    refused = train(tiny_config(name='epochs.py'), 'other', '--resume', work / 'iter_9.pth')
    last = refused.stdout.strip().splitlines()[-1]
    assert refused.returncode == 1 and 'counted iterations (9 are done), train_cfg of this config counts epochs' in last


def test_an_epoch_checkpoint_goes_on_by_iterations_from_its_step(train, tiny_config, tmp_path):
    assert train(tiny_config("train_dataloader['batch_size'] = 2"), 'run', '--epochs', '1').returncode == 0
    done = train(tiny_config(ITERATIONS, name='iterations.py'), 'run', '--resume')
    assert done.returncode == 0, done.stdout[-2500:]
    assert 'iter_8.pth' in names(tmp_path / 'run') and 'epoch_1.pth' in names(tmp_path / 'run')
    rate = {line['step']: line['train/lr'] for line in lines(tmp_path / 'run') if 'train/lr' in line}
    assert rate == pytest.approx({step: 0.003 * (1 + math.cos(math.pi * (step - 1) / 8)) / 2 for step in range(4, 9)}, rel=1e-4)


@pytest.mark.parametrize(
    'line, words',
    [
        ("param_scheduler = dict(_delete_=True, type='MultiStepLR', milestones=[2])", 'MultiStepLR counts epochs (milestones=[2])'),
        ('param_scheduler = dict(end=40)', 'CosineAnnealingLR counts epochs (end=40)'),
        ("param_scheduler = dict(_delete_=True, type='ExponentialLR', gamma=0.9)", 'ExponentialLR counts epochs (an epoch is its step)'),
        ("train_cfg = dict(type='IterBasedTrainLoop', max_iters=8)", 'has max_epochs=300'),
        ("default_hooks['checkpoint']['by_epoch'] = True", 'IterBasedTrainLoop counts iterations; leave by_epoch out'),
    ],
)
def test_what_counts_epochs_is_refused_with_what_to_write(train, tiny_config, tmp_path, line, words):
    done = train(tiny_config(f'{ITERATIONS}{line}'), 'run')
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith('error: ') and words in last and 'Traceback' not in done.stdout, done.stdout[-1500:]

"""A training resumed with other options than it had: what applies, on which curve, and what is said."""

import json
import math
import sys

import pytest
import torch

from mmseg_fundus.fileio.safe_load import safe_load

LOG = "default_hooks['logger'] = dict(interval=1)\n"


@pytest.fixture
def train(root, shell, tmp_path):
    def run(config, work, *options):
        return shell(sys.executable, root / 'tools/train.py', config, '--work-dir', tmp_path / work, *options)

    return run


def curve(work):
    """{step: learning rate} of the training that ran last in a work folder."""
    newest = max(work.rglob('scalars.json'), key=lambda path: path.stat().st_mtime_ns)
    lines = map(json.loads, newest.read_text().splitlines())
    return {line['step']: line['train/lr'] if 'train/lr' in line else line['lr'] for line in lines if any('lr' in key for key in line)}


def cosine(steps, whole, lr=0.003):
    return pytest.approx({step: lr * (1 + math.cos(math.pi * (step - 1) / whole)) / 2 for step in steps}, rel=1e-4)


def resumed_lines(done):
    return [line for line in done.stdout.splitlines() if 'is resumed: ' in line]


def test_the_rate_follows_the_epochs_the_rate_and_the_batches_asked_for(train, tiny_config, tmp_path):
    config = tiny_config(LOG + "train_dataloader['batch_size'] = 2")  # 5 pictures: 3 steps an epoch
    done = train(config, 'first', '--epochs', '2')
    assert done.returncode == 0, done.stdout[-2000:]
    assert curve(tmp_path / 'first') == cosine(range(1, 7), 6)
    start = tmp_path / 'first/epoch_2.pth'
    cases = {
        'longer': (['--epochs', '4'], cosine(range(7, 13), 12), 12, 'end 6 -> 12'),
        'faster': (['--epochs', '3', '--lr', '0.001'], cosine(range(7, 10), 9, 0.001), 9, 'its base 0.003 -> 0.001'),
        'smaller': (
            ['--epochs', '3', '--batch-size', '1'],
            cosine(range(11, 16), 15),
            15,
            '6 steps are done, which are 10 of this training',
        ),
        'heavier': (
            ['--epochs', '4', '--cfg-options', 'optim_wrapper.optimizer.weight_decay=0.5', 'train_dataloader.sampler.views=2'],
            cosine(range(7, 13), 12),
            12,
            'weight_decay 0 -> 0.5',
        ),
    }
    for name, (options, expected, steps, words) in cases.items():
        done = train(config, name, '--resume', start, *options)
        assert done.returncode == 0, done.stdout[-2000:]
        assert curve(tmp_path / name) == expected, name
        last = safe_load(tmp_path / name / f'epoch_{options[1]}.pth')
        assert (last['meta']['epoch'], last['meta']['iter']) == (int(options[1]), steps)
        said = resumed_lines(done)
        assert any(words in line for line in said) and any('learning rate from here on' in line for line in said), (name, said)
    assert last['optimizer']['param_groups'][0]['weight_decay'] == 0.5
    assert any('train_dataloader.sampler.views 60 -> 2' in line for line in said), said


def test_resumed_as_it_was_nothing_is_said_of_it(train, tiny_config, tmp_path):
    config = tiny_config(LOG)
    assert train(config, 'run', '--epochs', '2').returncode == 0
    whole = safe_load(tmp_path / 'run/epoch_2.pth')
    done = train(config, 'run', '--epochs', '2', '--resume', tmp_path / 'run/epoch_1.pth')
    assert done.returncode == 0 and resumed_lines(done) == [], resumed_lines(done)
    again = safe_load(tmp_path / 'run/epoch_2.pth')
    assert all(torch.equal(tensor, again['state_dict'][name]) for name, tensor in whole['state_dict'].items())
    assert whole['param_schedulers'] == again['param_schedulers']
    assert whole['optimizer']['param_groups'] == again['optimizer']['param_groups']


def test_what_cannot_go_on_is_refused_in_one_line_and_a_best_score_of_another_metric_is_forgotten(train, tiny_config, tmp_path):
    config = tiny_config("custom_hooks = [dict(type='EMAHook', momentum=0.1)]")
    assert train(config, 'run', '--epochs', '2').returncode == 0
    start = tmp_path / 'run/epoch_1.pth'
    for options, words in (
        (['optim_wrapper.optimizer.type=Adamax'], 'its optimizer is no Adamax (amsgrad)'),
        (['custom_hooks=[]'], 'cannot be continued without an EMAHook'),
        (['model.backbone.trainable_blocks=1'], 'epoch_1.pth'),
        (['model.neck.channels=8', 'model.decode_head.in_channels=8'], 'epoch_1.pth cannot be continued: the checkpoint does not fit'),
    ):
        done = train(config, 'refused', '--resume', start, '--cfg-options', *options)
        last = done.stdout.strip().splitlines()[-1]
        assert done.returncode == 1 and last.startswith('error: ') and words in last and 'Traceback' not in done.stdout, done.stdout[-1500:]
        assert start.exists() and not list((tmp_path / 'refused').glob('*.pth'))
    content = safe_load(start)
    assert content['message_hub']['runtime_info']['best_score_of'] == 'Dice (greater)'
    content['message_hub']['runtime_info']['best_score'] = 2.0  # no epoch is better
    torch.save(content, start)
    done = train(config, 'run', '--epochs', '3', '--resume', start, '--cfg-options', 'default_hooks.checkpoint.save_best=Accuracy')
    assert done.returncode == 0 and 'is of Dice (greater), this training looks for the best Accuracy (greater)' in done.stdout
    assert list((tmp_path / 'run').glob('best_Accuracy_epoch_*.pth'))


def test_a_training_that_is_stopped_early_saves_its_last_epoch(train, tiny_config, tmp_path):
    config = tiny_config(
        "custom_hooks = [dict(type='EarlyStoppingHook', monitor='Dice', rule='greater', min_delta=9, patience=2)]\n"
        "default_hooks['checkpoint'] = dict(interval=5)"
    )
    done = train(config, 'run', '--epochs', '9')
    assert done.returncode == 0, done.stdout[-2000:]
    names = sorted(path.name for path in (tmp_path / 'run').glob('epoch_*.pth'))
    assert names == ['epoch_2.pth'] or names == ['epoch_3.pth'], names
    done = train(config, 'run', '--epochs', '9', '--resume')
    assert 'EarlyStoppingHook counts anew' in done.stdout and done.returncode == 0


@pytest.mark.parametrize(
    'train_cfg, saved, best',
    [
        ('dict(max_epochs=3, val_interval=7)', ['epoch_2.pth', 'epoch_3.pth'], True),
        ('dict(max_epochs=3, val_begin=9)', ['epoch_2.pth', 'epoch_3.pth'], False),
        ('dict(max_epochs=4, val_interval=1, dynamic_intervals=[(2, 3)])', ['epoch_2.pth', 'epoch_4.pth'], True),
    ],
    ids=['rarely', 'never', 'dynamic'],
)
def test_every_periodic_checkpoint_is_written_however_it_is_validated(train, tiny_config, tmp_path, train_cfg, saved, best):
    config = tiny_config(f"train_cfg = {train_cfg}\ndefault_hooks['checkpoint'] = dict(interval=2)")
    done = train(config, 'run')
    assert done.returncode == 0, done.stdout[-2000:]
    assert sorted(path.name for path in (tmp_path / 'run').glob('epoch_*.pth')) == saved
    assert bool(list((tmp_path / 'run').glob('best_*'))) == best
    assert ('no best_Dice checkpoint will be kept' in done.stdout) != best


def test_without_validation_or_schedule_it_trains_and_resumes_at_the_rate_of_the_config(train, tiny_config, tmp_path):
    config = tiny_config(LOG + 'val_cfg = None\nval_dataloader = None\nval_evaluator = None\nparam_scheduler = None')
    done = train(config, 'run', '--epochs', '2')
    assert done.returncode == 0 and 'no best_Dice checkpoint will be kept' in done.stdout, done.stdout[-2000:]
    done = train(config, 'run', '--epochs', '3', '--resume', '--lr', '0.002')
    assert done.returncode == 0, done.stdout[-2000:]
    assert set(curve(tmp_path / 'run').values()) == {0.002} and (tmp_path / 'run/epoch_3.pth').exists()


def test_resumed_on_two_processes_the_steps_and_the_rate_are_those_of_two(root, train, shell, tiny_config, tmp_path):
    config = tiny_config(LOG + "train_dataloader['batch_size'] = 1")  # 5 pictures: 5 steps an epoch, 3 on two processes
    assert train(config, 'one', '--epochs', '2').returncode == 0
    options = ['--epochs', '4', '--work-dir', tmp_path / 'two', '--resume', tmp_path / 'one/epoch_2.pth']
    done = shell('bash', root / 'tools/dist_train.sh', config, 2, *options)
    assert done.returncode == 0, done.stdout[-2500:]
    assert curve(tmp_path / 'two') == cosine(range(7, 13), 12)
    assert '10 steps are done, which are 6 of this training (an epoch has 3)' in done.stdout
    assert safe_load(tmp_path / 'two/epoch_4.pth')['meta']['iter'] == 12

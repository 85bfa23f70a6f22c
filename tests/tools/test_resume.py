"""A training that is killed and resumed ends exactly as one that is not."""

import os
import random
import subprocess
import sys
import time

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmseg_fundus.engine.work_folder import latest_whole_checkpoint, numbered_checkpoints

KILLS = int(os.environ.get('KILLS', 3))  # the full trial: KILLS=20


@pytest.fixture
def start(root, zygote):
    """Starts tools/train.py."""

    def popen(config, work, *options):
        command = [sys.executable, root / 'tools/train.py', config, '--work-dir', work, *options]
        env = {**os.environ, 'OMP_NUM_THREADS': '1'}
        return zygote.popen(command, env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return popen


def wait_for_epochs(process, number):
    """Return when the process has logged that many training epochs (at once for 0), or ended."""
    while number > 0:
        line = process.stdout.readline()
        number -= 'Epoch(train)' in line
        if not line:
            return


def finish(process):
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    return out


def scalars(work, tag):
    """{step: value} over all event files of a work folder, later starts on top."""
    found = {}
    for folder in sorted({path.parent for path in work.rglob('events.out.tfevents*')}):
        events = EventAccumulator(str(folder), size_guidance=dict(scalars=0)).Reload()
        if tag in events.Tags()['scalars']:
            found.update({event.step: event.value for event in events.Scalars(tag)})
    return found


def trained_state(path):
    return torch.load(path, weights_only=False)


def test_killed_at_random_moments_and_resumed_the_weights_and_curves_are_bit_identical(start, tiny_config, tmp_path):
    config = tiny_config(
        "train_cfg['max_epochs'] = 16\ntrain_dataloader['batch_size'] = 2\nmodel['decode_head']['dropout_ratio'] = 0.1\n"
        "default_hooks['logger'] = dict(interval=1)"
    )
    finish(start(config, tmp_path / 'whole'))
    rng, killed = random.Random(0), 0
    while killed < KILLS:
        process = start(config, tmp_path / 'broken', '--resume')
        wait_for_epochs(process, rng.randint(0, 4))
        time.sleep(rng.uniform(0, 0.3))
        through = process.poll() is not None
        process.kill()  # SIGKILL
        process.communicate()
        before = numbered_checkpoints(tmp_path / 'broken')
        if through:  # nothing was killed: begin again from an earlier epoch
            for path in before[1:]:
                path.unlink()
            continue
        killed += 1
        whole, damaged = latest_whole_checkpoint(tmp_path / 'broken')
        assert not damaged and (whole is not None) == bool(before), 'a checkpoint under its final name is whole'
    finish(start(config, tmp_path / 'broken', '--resume'))
    first, second = (trained_state(tmp_path / name / 'epoch_16.pth') for name in ('whole', 'broken'))
    assert all(torch.equal(tensor, second['state_dict'][name]) for name, tensor in first['state_dict'].items())
    for name, state in first['optimizer']['state'].items():
        assert all(torch.equal(state[key], second['optimizer']['state'][name][key]) for key in ('exp_avg', 'exp_avg_sq'))
    for tag in ('train/lr', 'val/Dice', 'val/loss'):
        assert scalars(tmp_path / 'whole', tag) == scalars(tmp_path / 'broken', tag), tag
    best = [sorted(path.name for path in (tmp_path / name).glob('best_*')) for name in ('whole', 'broken')]
    assert best[0] == best[1] and len(best[0]) == 1
    assert not list((tmp_path / 'broken').glob('.*tmp'))


def test_a_truncated_newest_checkpoint_is_passed_over_and_said(start, tiny_config, tmp_path):
    finish(start(tiny_config(), tmp_path / 'run', '--epochs', '3'))
    newest = tmp_path / 'run/epoch_3.pth'
    newest.write_bytes(newest.read_bytes()[:-1000])
    out = finish(start(tiny_config(), tmp_path / 'run', '--epochs', '4', '--resume'))
    assert f'{newest} is damaged and passed over' in out and 'Epoch(train) [3]' in out and 'Epoch(train) [2]' not in out


def test_checkpoints_are_kept_to_the_cap_and_the_best_has_no_rival(start, tiny_config, tmp_path):
    finish(start(tiny_config("default_hooks['checkpoint']['max_keep_ckpts'] = 2"), tmp_path / 'run', '--epochs', '5'))
    assert [path.name for path in numbered_checkpoints(tmp_path / 'run')] == ['epoch_4.pth', 'epoch_5.pth']
    assert (tmp_path / 'run/last_checkpoint').read_text().endswith('epoch_5.pth')
    values = scalars(tmp_path / 'run', 'val/Dice')
    best = max(values, key=values.get)
    assert [path.name for path in (tmp_path / 'run').glob('best_*')] == [f'best_Dice_epoch_{best}.pth']


def test_a_new_training_in_a_used_folder_loses_nothing_of_the_earlier_one(start, tiny_config, tmp_path):
    finish(start(tiny_config(), tmp_path / 'run', '--epochs', '3'))
    before = {path.name: path.read_bytes() for path in (tmp_path / 'run').glob('*.pth')}
    out = finish(start(tiny_config(), tmp_path / 'run', '--epochs', '1', '--seed', '7'))
    assert 'checkpoints of an earlier training were moved to' in out
    assert [path.name for path in numbered_checkpoints(tmp_path / 'run')] == ['epoch_1.pth']
    assert {path.name: path.read_bytes() for path in (tmp_path / 'run').glob('before_*/*.pth')} == before


@pytest.mark.parametrize('content', ['', 'nothing'])
def test_resume_without_a_checkpoint_starts_anew_and_says_so(start, tiny_config, tmp_path, content):
    if content:
        (tmp_path / 'run').mkdir()
    out = finish(start(tiny_config(), tmp_path / 'run', '--epochs', '1', '--resume'))
    assert 'nothing to resume' in out and 'Epoch(train) [1]' in out

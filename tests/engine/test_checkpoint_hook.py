import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from mmseg_fundus.engine.checkpoint_hook import VesselCheckpointHook
from mmseg_fundus.engine.finite_loss_hook import FiniteLossHook
from mmseg_fundus.engine.work_folder import latest_whole_checkpoint, numbered_checkpoints
from mmseg_fundus.errors import ConfigError, TrainingError
from mmseg_fundus.fileio.whole_files import remove_leftovers, write_whole


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / 'epoch_5.pth'
    path.write_bytes(b'old')

    def fail(temporary):
        temporary.write_bytes(b'half')
        raise OSError(28, 'No space left on device')

    with pytest.raises(OSError):
        write_whole(path, fail)
    assert path.read_bytes() == b'old' and [p.name for p in tmp_path.iterdir()] == ['epoch_5.pth']
    write_whole(path, lambda temporary: temporary.write_bytes(b'new'))
    assert path.read_bytes() == b'new'


def test_the_latest_checkpoint_is_by_number_and_whole(tmp_path):
    for epoch in (2, 9, 10):
        torch.save({'state_dict': {'x': torch.randn(100)}}, tmp_path / f'epoch_{epoch}.pth')
    (tmp_path / 'epoch_x.pth').touch()
    assert [path.name for path in numbered_checkpoints(tmp_path)] == ['epoch_2.pth', 'epoch_9.pth', 'epoch_10.pth']
    assert latest_whole_checkpoint(tmp_path) == (tmp_path / 'epoch_10.pth', [])
    for epoch, spoil in (
        (10, lambda data: data[:-50]),
        (9, lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]),
    ):
        path = tmp_path / f'epoch_{epoch}.pth'
        path.write_bytes(spoil(path.read_bytes()))
    path, damaged = latest_whole_checkpoint(tmp_path)
    assert path.name == 'epoch_2.pth' and [p.name for p in damaged] == ['epoch_10.pth', 'epoch_9.pth']
    assert latest_whole_checkpoint(tmp_path / 'nowhere') == (None, [])


@pytest.mark.parametrize('arguments', [dict(interval=0), dict(rule='more'), dict(max_keep_ckpts=0), dict(max_keep_ckpts=-2)])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ConfigError):
        VesselCheckpointHook(**arguments)


def test_leftovers_of_the_dead_go_and_nothing_else(tmp_path):
    dead = subprocess.Popen([sys.executable, '-c', ''])
    dead.wait()
    stay = ['.notes.tmp', '.9999.thesis.doc.tmp', f'.{os.getpid()}-0123abcd.epoch_1.pth.tmp']
    for name in [*stay, f'.{dead.pid}-0123abcd.epoch_1.pth.tmp']:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stay)


@pytest.mark.parametrize('spoilt', [None, 'parameter', 'buffer', 'frozen'])
def test_weights_that_are_no_numbers_are_not_saved(tmp_path, spoilt):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2))
    model[2].requires_grad_(False)
    if spoilt:
        {'parameter': model[0].weight, 'buffer': model[1].running_var, 'frozen': model[2].weight}[spoilt].data[0] = float('nan')
    runner = SimpleNamespace(model=model, epoch=2, work_dir=str(tmp_path))
    if spoilt in (None, 'frozen'):
        FiniteLossHook().after_train_epoch(runner)
        return
    with pytest.raises(TrainingError, match='after epoch 3.*(0.weight|1.running_var).*--resume'):
        FiniteLossHook().after_train_epoch(runner)

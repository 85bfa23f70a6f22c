import pytest
import torch

from mmseg_fundus.engine.checkpoint_hook import VesselCheckpointHook, epoch_checkpoints, latest_whole_checkpoint
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.files import write_whole


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
    assert [path.name for path in epoch_checkpoints(tmp_path)] == ['epoch_2.pth', 'epoch_9.pth', 'epoch_10.pth']
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

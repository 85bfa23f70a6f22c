"""What a checkpoint's zip archive claims is what it holds, for whoever reads it."""

import os
import struct
import zipfile

import pytest
import torch

from mmseg_fundus.errors import FileError
from mmseg_fundus.fileio.archive import is_whole
from mmseg_fundus.fileio.safe_load import safe_load


def test_a_compressed_archive_is_refused(tmp_path):
    torch.save({'x': torch.zeros(10**6)}, tmp_path / 'x.pth')
    with zipfile.ZipFile(tmp_path / 'x.pth') as old, zipfile.ZipFile(tmp_path / 'packed.pth', 'w', zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(FileError, match='compressed zip archive'):
        safe_load(tmp_path / 'packed.pth')
    assert is_whole(tmp_path / 'x.pth') and not is_whole(tmp_path / 'packed.pth')


def with_two_tables(path, shown):
    """Give an archive a second table of contents, the one that Python's zipfile sees; torch's reader goes on to see the first."""
    whole = path.read_bytes()
    end = whole.rindex(b'PK\5\6')
    length, offset = struct.unpack('<II', whole[end + 12 : end + 20])
    with zipfile.ZipFile(path.with_suffix('.shown'), 'w') as archive:
        archive.writestr(shown, b'')
    other = path.with_suffix('.shown').read_bytes()
    table = bytearray(other[other.index(b'PK\1\2') : other.rindex(b'PK\5\6')])
    table[32:34] = struct.pack('<H', length - len(table))  # the rest is its comment
    path.write_bytes(whole[: offset + length] + bytes(table).ljust(length) + whole[end:])


class Program(torch.nn.Module):
    def __init__(self, file):
        super().__init__()
        self.file, self.training = str(file), True

    @torch.jit.export
    def __getstate__(self):
        return self.file, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]):
        self.file, self.training = state
        torch.save(torch.ones(1), self.file)


@pytest.mark.filterwarnings('ignore:.*torch.jit:FutureWarning')
def test_a_program_behind_another_table_of_contents_does_not_run(tmp_path):
    with zipfile.ZipFile(tmp_path / 'program.pth', 'w') as archive:
        torch.jit.script(Program(tmp_path / 'ran')).save(str(tmp_path / 'program'))
        with zipfile.ZipFile(tmp_path / 'program') as program:
            for name in program.namelist():
                archive.writestr(name, program.read(name))
    with_two_tables(tmp_path / 'program.pth', 'x/data.pkl')
    assert zipfile.ZipFile(tmp_path / 'program.pth').namelist() == ['x/data.pkl']
    with pytest.raises(FileError, match='table of contents'):
        safe_load(tmp_path / 'program.pth')
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize('start', [-98, -42])
@pytest.mark.parametrize('moved', [8, -8])
def test_a_64_bit_end_record_that_points_elsewhere_is_refused(tmp_path, start, moved):
    torch.save({'x': torch.ones(3)}, tmp_path / 'x.pth')
    whole = bytearray((tmp_path / 'x.pth').read_bytes())
    place = len(whole) + start + {-98: 48, -42: 8}[start]
    whole[place : place + 4] = struct.pack('<I', struct.unpack('<I', whole[place : place + 4])[0] + moved)
    (tmp_path / 'x.pth').write_bytes(whole)
    assert not is_whole(tmp_path / 'x.pth')
    with pytest.raises(FileError, match='damaged'):
        safe_load(tmp_path / 'x.pth')


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'x.pth')
    assert not is_whole(tmp_path / 'x.pth')
    with pytest.raises(FileError, match='x.pth is a pipe or device'):
        safe_load(tmp_path / 'x.pth')
    with pytest.raises(FileError, match='/dev/zero is a pipe or device'):
        safe_load('/dev/zero')

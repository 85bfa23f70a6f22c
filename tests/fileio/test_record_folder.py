"""Records on disk: whole or not there, whatever happens to the file."""

import multiprocessing
import os
import resource

import numpy as np
import pytest

from mmseg_fundus.fileio.record_folder import RecordFolder

SHAPE = (3, 5, 7)


def record(seed):
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float16)


def read(folder, number, seal=0, name='a'):
    return RecordFolder(folder).read(name, number, SHAPE, np.float16, seal)


@pytest.fixture
def folder(tmp_path):
    """Records 0, 1 and 3 of the name a."""
    records = RecordFolder(tmp_path / 'records')
    for number in (3, 0, 1):
        records.write('a', number, record(number), seal=number)
    return records.folder


def test_a_record_comes_back_as_it_was_written(folder):
    for number in (0, 1, 3):
        assert np.array_equal(read(folder, number, seal=number), record(number))


@pytest.mark.parametrize('wanted', [dict(number=2), dict(number=4), dict(number=1, seal=2), dict(number=0, name='b')])
def test_what_was_not_written_with_this_name_number_and_seal_is_not_there(folder, wanted):
    assert read(folder, **wanted) is None


def test_a_hole_takes_no_disk_space(tmp_path):
    records = RecordFolder(tmp_path)
    records.write('a', 10**6, record(0))
    assert 0 < records.size() < 10**5 < (tmp_path / 'a.records').stat().st_size


@pytest.mark.parametrize('place', [0, 57, 3 * 5 * 7 * 2 - 1, 3 * 5 * 7 * 2, 3 * 5 * 7 * 2 + 7])
def test_a_damaged_record_is_not_there_and_can_be_written_again(folder, place, capfd):
    file = folder / 'a.records'
    raw = bytearray(file.read_bytes())
    raw[place] ^= 1
    file.write_bytes(raw)
    assert read(folder, 0) is None and np.array_equal(read(folder, 1, seal=1), record(1))
    RecordFolder(folder).write('a', 0, record(0))
    assert np.array_equal(read(folder, 0), record(0))


def test_a_record_cut_short_at_any_byte_is_not_there(tmp_path):
    RecordFolder(tmp_path).write('a', 0, record(0))
    file = tmp_path / 'a.records'
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert read(tmp_path, 0) is None
    file.write_bytes(whole)
    assert read(tmp_path, 0) is not None


def test_a_pipe_in_place_of_the_records_is_not_waited_for(folder):
    (folder / 'a.records').unlink()
    os.mkfifo(folder / 'a.records')
    assert read(folder, 0) is None


def test_a_full_disk_ends_writing_with_one_line_and_no_wrong_record(tmp_path, caplog, monkeypatch):
    logged = []
    monkeypatch.setattr('mmseg_fundus.fileio.record_folder.print_log', lambda text, **kwargs: logged.append(text))
    size = RecordFolder.record_size(SHAPE, np.float16)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    records = RecordFolder(tmp_path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + size // 2, before[1]))
    try:
        for number in range(4):
            records.write('a', number, record(number))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(logged) == 1 and str(tmp_path) in logged[0] and 'File too large' in logged[0]
    assert np.array_equal(read(tmp_path, 0), record(0)) and all(read(tmp_path, number) is None for number in (1, 2, 3))


def test_a_folder_that_cannot_be_made_is_a_line_too(tmp_path, monkeypatch):
    logged = []
    monkeypatch.setattr('mmseg_fundus.fileio.record_folder.print_log', lambda text, **kwargs: logged.append(text))
    (tmp_path / 'file').write_text('')
    records = RecordFolder(tmp_path / 'file' / 'below')
    records.write('a', 0, record(0))
    records.write('a', 1, record(1))
    assert len(logged) == 1 and 'Not a directory' in logged[0]
    assert records.read('a', 0, SHAPE, np.float16) is None


def _write_all(folder):
    records = RecordFolder(folder)
    for _ in range(20):
        for number in range(8):
            records.write('a', number, record(number), seal=number)
    os._exit(0)


def test_processes_that_write_the_same_records_at_once_leave_them_whole(tmp_path):
    processes = [multiprocessing.get_context('fork').Process(target=_write_all, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    seen = 0
    while any(process.is_alive() for process in processes):
        for number in range(8):
            found = read(tmp_path, number, seal=number)
            assert found is None or np.array_equal(found, record(number))
            seen += found is not None
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert all(np.array_equal(read(tmp_path, number, seal=number), record(number)) for number in range(8))

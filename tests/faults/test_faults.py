"""The faults that no other test tries, once each, and some hundred spoilt files; tests/faults/run.py tries all, and more often."""

import pytest
from fuzz import KINDS, fuzz
from scenarios import attempt, disk_full, killed_in_a_write, nan_in_the_loss, picture_cut, picture_vanishes, rank_hangs, worker_killed


@pytest.mark.parametrize(
    'scenario',
    [nan_in_the_loss, worker_killed, rank_hangs, disk_full, killed_in_a_write, picture_vanishes, picture_cut],
    ids=lambda scenario: scenario.__name__,
)
def test_a_fault_leaves_one_clear_line_and_loses_nothing(scenario, tmp_path):
    assert attempt(scenario, tmp_path / 'trial', seed=1) == ''


@pytest.mark.parametrize('kind', KINDS)
def test_a_spoilt_file_is_refused_or_read(kind, tmp_path, capfd):
    found = fuzz(kind, 400, 1, tmp_path / 'files')
    capfd.readouterr()  # libtiff prints
    assert not found['failures']
    assert found['refused'] and found['read']

"""Each fault once, and some hundred spoilt files; tests/faults/run.py tries more."""

import pytest
from fuzz import KINDS, fuzz
from scenarios import SCENARIOS, attempt


@pytest.mark.parametrize('scenario', SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_fault_leaves_one_clear_line_and_loses_nothing(scenario, tmp_path):
    assert attempt(scenario, tmp_path / 'trial', seed=1) == ''


@pytest.mark.parametrize('kind', KINDS)
def test_a_spoilt_file_is_refused_or_read(kind, tmp_path, capfd):
    found = fuzz(kind, 400, 1, tmp_path / 'files')
    capfd.readouterr()  # libtiff prints
    assert not found['failures']
    assert found['refused'] and found['read']

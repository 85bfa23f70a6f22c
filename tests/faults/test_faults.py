"""The faults that no other test tries, once each, and some hundred spoilt files; tests/faults/run.py tries all, and more often."""

import pytest
from fuzz import KINDS, fuzz
from scenarios import SCENARIOS, attempt

OFTEN = ('rank_killed', 'read_only_folder', 'killed_and_resumed', 'newest_checkpoint_cut', 'clock_goes_back')  # other tests try these


@pytest.mark.parametrize(
    'scenario',
    [scenario for scenario in SCENARIOS if scenario.__name__ not in OFTEN],
    ids=lambda scenario: scenario.__name__,
)
def test_a_fault_leaves_one_clear_line_and_loses_nothing(scenario, zygote, tmp_path):
    assert attempt(scenario, tmp_path / 'trial', 1, zygote) == ''


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_a_spoilt_file_is_refused_or_read(kind, tmp_path, capfd):
    found = fuzz(kind, 400, 1, tmp_path / 'files')
    capfd.readouterr()  # libtiff prints
    assert not found['failures']
    assert found['refused'] and found['read']

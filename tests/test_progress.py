"""A bar on a terminal tells how far a unit is, however deep inside the work is done; elsewhere nothing is printed."""

import io
from types import SimpleNamespace

import pytest
import torch

from mmseg_fundus import progress
from mmseg_fundus.models.segmentors.predictor import Predictor


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def told(monkeypatch):
    """What the bar is told, and the bar's owner."""
    found = []
    here = progress.Bar(SimpleNamespace(update=lambda task, completed, done: found.append(round(completed, 6))), 0)
    token = progress._open.set(here)
    yield here, found
    progress._open.reset(token)


def test_parts_of_parts_add_up_to_the_unit_and_begin_again_with_the_next(told):
    here, found = told
    for _ in range(2):
        for _ in progress.parts('ab', 2):
            for _ in progress.parts('1234', 4):
                pass
        here.step()
    first = [0.125, 0.25, 0.375, 0.5, 0.5, 0.625, 0.75, 0.875, 1, 1]
    assert found == [*first, 1, *(1 + value for value in first), 2]


def test_a_part_that_fails_leaves_nothing_behind(told):
    here, found = told
    with pytest.raises(ValueError):
        for _ in progress.parts('ab', 2):
            raise ValueError
    here.step()
    here.part(0.5)
    assert found == [1, 1.5]


def test_a_terminal_sees_the_work_its_units_and_the_time_left(monkeypatch):
    monkeypatch.setenv('TERM', 'xterm')
    screen = Terminal()
    with progress.bar('predict', 3, screen) as bar:
        bar.step()
        bar.part(0.5)
        bar.step(2)
    assert 'predict' in screen.getvalue() and '3/3' in screen.getvalue() and 'left:' in screen.getvalue()


def test_what_is_no_terminal_stays_quiet():
    screen = io.StringIO()
    with progress.bar('predict', 3, screen) as bar:
        bar.part(0.5)
        bar.step(3)
    assert screen.getvalue() == ''


def test_nothing_to_do_is_no_bar():
    screen = Terminal()
    with progress.bar('predict', 0, screen) as bar:
        bar.part(0.5)
    assert screen.getvalue() == ''


@pytest.mark.parametrize('once', [None, dict(crop_size=(16, 16))], ids=['each pose by itself', 'maps of all poses'])
def test_a_picture_says_how_far_it_is_and_never_goes_back(told, once):
    here, found = told
    network = SimpleNamespace(
        patch=8,
        features=lambda inputs, shown: [[torch.zeros(len(inputs), 1, *(side // 8 for side in inputs.shape[2:]))]],
        decoded=lambda maps, inputs, pose: torch.zeros(len(inputs), 2, *inputs.shape[2:]),
    )
    test_cfg = dict(mode='slide', crop_size=(16, 16), stride=(16, 16), tta=True, window_batch=1, encoder=once)
    predictor = Predictor(lambda inputs, places: torch.zeros(len(inputs), 2, *inputs.shape[2:]), test_cfg)
    predictor.parts = network
    for _ in range(2):
        predictor.predict(torch.zeros(1, 3, 32, 32), [dict()])
        here.step()
    assert found == sorted(found) and len(set(found)) > 20 and found[-1] == 2 and 1 in found

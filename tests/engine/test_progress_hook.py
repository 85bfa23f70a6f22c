"""A test on a terminal says how far it is."""

from types import SimpleNamespace

from mmseg_fundus.engine import progress_hook


def test_each_picture_of_a_test_is_a_step(monkeypatch):
    told = []

    class Shown:
        def __init__(self, what, total):
            told.append((what, total))

        def __enter__(self):
            return SimpleNamespace(step=lambda: told.append('step'))

        def __exit__(self, *error):
            told.append('closed')

    hooks = []
    runner = SimpleNamespace(test_loop=SimpleNamespace(dataloader=[0] * 3), register_hook=hooks.append)
    monkeypatch.setattr(progress_hook, 'bar', Shown)
    with progress_hook.shown_test(runner):
        hooks[0].after_test_iter(runner, 0)
        hooks[0].after_test_iter(runner, 1)
    assert told == [('test', 3), 'step', 'step', 'closed']


def test_other_processes_show_nothing(monkeypatch):
    monkeypatch.setattr(progress_hook, 'is_main_process', lambda: False)
    with progress_hook.shown_test(SimpleNamespace()):
        pass

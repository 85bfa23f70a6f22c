from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..progress import Bar, bar


class _Step(Hook):
    def __init__(self, shown: Bar) -> None:
        self.shown = shown

    def after_test_iter(self, *args: Any, **kwargs: Any) -> None:
        self.shown.step()


@contextmanager
def shown_test(runner: Runner) -> Iterator[None]:
    """On a terminal, a bar of the pictures of a test that runs in this block, see :mod:`mmseg_fundus.progress`; of the main process."""
    if not is_main_process():
        yield
        return
    with bar('test', len(runner.test_loop.dataloader)) as shown:
        runner.register_hook(_Step(shown))
        yield

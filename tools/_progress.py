"""How far trainings are, on the console: a line for each that runs, in place on a terminal, each minute elsewhere.

Threads that carry trainings out only say things; the main thread alone prints.
"""

import json
import queue
import re
import shutil
import sys
import time
from pathlib import Path

PAUSE = 60  # seconds between lines that are no terminal's
TAIL = 4096  # bytes of a file that hold its last line
TEST_LOG = 'test.log'  # in a training's folder


def last_scalars(folder: Path, since: float) -> dict:
    """The last line of training in the newest ``scalars.json`` below a work folder that was written after ``since``; else empty."""
    found = [(path.stat().st_mtime, path) for path in folder.glob('*/vis_data/scalars.json')]
    newest = max(((when, path) for when, path in found if when >= since), default=None)
    if newest is None:
        return {}
    with newest[1].open('rb') as file:
        file.seek(0, 2)
        file.seek(max(file.tell() - TAIL, 0))
        lines = file.read().decode('utf-8', 'replace').splitlines()
    for line in reversed(lines):
        try:
            values = json.loads(line)
        except ValueError:  # half a line
            continue
        if isinstance(values, dict) and 'train/loss' in values and isinstance(values.get('iter'), int):
            return values
    return {}


def last_tested(log: Path, begin: int) -> str:
    """How far a test is by what its log says behind byte ``begin``: ``10/20, about 2 min left``; empty if it says nothing yet."""
    try:
        with log.open('rb') as file:
            size = file.seek(0, 2)
            file.seek(max(size - TAIL, begin))
            text = file.read().decode('utf-8', 'replace')
    except OSError:
        return ''
    found = re.findall(r'Epoch\(test\)\s+\[\s*(\d+)/(\d+)\]\s+eta: (?:(\d+) days?, )?(\d+):(\d+):(\d+)', text)
    if not found:
        return ''
    done, count, *time_left = found[-1]
    days, hours, minutes, seconds = (int(value or 0) for value in time_left)
    return f'{done}/{count}, about {duration(((days * 24 + hours) * 60 + minutes) * 60 + seconds)} left'


class _Running:
    """A training or test that is under way."""

    def __init__(self, folder: Path, epochs: int | None, steps: int, now: float, wall: float) -> None:
        self.folder, self.epochs, self.steps, self.wall = folder, epochs, steps, wall
        self.began, self.first = now, None
        self.test, self.log_begin, self.tested = '', 0, ''
        self.step = self.epoch = 0
        self.pace: float | None = None  # seconds of a step

    def begin_test(self, label: str) -> None:
        log = self.folder / TEST_LOG
        self.test, self.tested = label, ''
        self.log_begin = log.stat().st_size if log.is_file() else 0  # what is there is of other tests

    def look(self, now: float) -> None:
        if self.test:
            self.tested = last_tested(self.folder / TEST_LOG, self.log_begin)
            return
        found = last_scalars(self.folder, self.wall)
        if not found:
            return
        self.step, self.epoch = found['iter'], found.get('epoch', 0)
        self.first = self.first or (now, self.step)
        if self.step > self.first[1]:
            self.pace = (now - self.first[0]) / (self.step - self.first[1])

    @property
    def left(self) -> float | None:
        """Seconds of training; ``None`` as long as the pace is not known."""
        if self.test:
            return 0.0
        return None if self.pace is None else self.pace * max(self.steps - self.step, 0)

    def words(self) -> str:
        if self.test:
            return f'testing ({self.test})' + (f', {self.tested}' if self.tested else '')
        if not self.step:
            return 'starting'
        where = f'epoch {self.epoch}/{self.epochs}' if self.epochs else f'step {self.step}/{self.steps}'
        return where + (f', about {duration(self.left)} left' if self.left is not None else '')


class Progress:
    """Of all trainings of a tool.

    Args:
        steps (dict[str, int]): Of each training that is to be done, by its name; 0 of one that is trained.
        at_once (int): How many run at a time.
        stream: Where the lines go; on a terminal they are kept up to date in place.
        clock (Callable): Seconds, for tests.
    """

    def __init__(self, steps: dict[str, int], at_once: int, stream=None, clock=time.monotonic) -> None:
        self.waiting, self.count, self.at_once = dict(steps), len(steps), at_once
        self.stream, self.clock = stream or sys.stdout, clock
        self.terminal = self.stream.isatty()
        self.running: dict[str, _Running] = {}
        self.finished = 0
        self.pace: float | None = None
        self._heard: queue.SimpleQueue = queue.SimpleQueue()
        self._shown, self._printed = 0, clock()

    # ---- of any thread

    def say(self, text: str) -> None:
        self._heard.put(('say', text))

    def train(self, name: str, folder: Path, epochs: int | None, steps: int) -> None:
        self._heard.put(('train', name, folder, epochs, steps, time.time()))

    def again(self, name: str, folder: Path) -> None:
        """A training that has ended is tested further."""
        self._heard.put(('again', name, folder, time.time()))

    def test(self, name: str, label: str) -> None:
        self._heard.put(('test', name, label))

    def end(self, name: str) -> None:
        self._heard.put(('end', name))

    # ---- of the main thread

    def tick(self, last: bool = False) -> None:
        """Print what was said, and how far everything is if it is time; ``last``: that nothing runs any more."""
        now, said = self.clock(), []
        while not self._heard.empty():
            kind, name, *more = self._heard.get()
            if kind == 'say':
                said.append(name)
            elif kind == 'train':
                folder, epochs, steps, wall = more
                self.running[name] = _Running(folder, epochs, steps, now, wall)
                self.waiting.pop(name, None)
            elif kind == 'again':
                folder, wall = more
                self.running[name] = _Running(folder, None, 0, now, wall)
                self.finished -= 1
            elif kind == 'test' and name in self.running:
                self.running[name].begin_test(more[0])
            elif kind == 'end':
                self.finished += self.running.pop(name, None) is not None
        if self.terminal:
            self._erase()
            self._print(said)
            lines = [] if last else self._lines(now)
            self._print(lines)
            self._shown = len(lines)
            return
        self._print(said)
        if now - self._printed >= PAUSE and self.running and not last:
            self._print(self._lines(now))
            self._printed = now

    def _lines(self, now: float) -> list[str]:
        for one in self.running.values():
            one.look(now)
            self.pace = one.pace or self.pace
        left = self._left()
        ahead = f'; all: about {duration(left)} left and tests' if left and self.count > 1 else ''
        lines = [
            f'[{self.finished + i + 1}/{self.count}] {name}: {one.words()}{ahead}' for i, (name, one) in enumerate(self.running.items())
        ]
        width = shutil.get_terminal_size().columns - 1
        return [line[:width] for line in lines] if self.terminal else lines

    def _left(self) -> float | None:
        """Seconds that all trainings take yet, as far as one of them has shown its pace."""
        if self.pace is None:
            return None
        ahead = [one.pace * max(one.steps - one.step, 0) if one.pace and not one.test else one.left for one in self.running.values()]
        known = sum(self.pace * one.steps if seconds is None else seconds for seconds, one in zip(ahead, self.running.values()))
        return (known + self.pace * sum(self.waiting.values())) / max(self.at_once, 1)

    def _erase(self) -> None:
        if self._shown:
            self.stream.write(f'\x1b[{self._shown}A\x1b[J')
        self._shown = 0

    def _print(self, lines: list[str]) -> None:
        if lines:
            self.stream.write(''.join(f'{line}\n' for line in lines))
        self.stream.flush()


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``1 h 5 min``."""
    if seconds < 100:
        return f'{seconds:.0f} s'
    minutes = round(seconds / 60)
    return f'{minutes} min' if minutes < 60 else f'{minutes // 60} h {minutes % 60} min'

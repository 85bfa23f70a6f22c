"""The folder in which a habit is tried: a tiny model, made-up pictures, and the tools, as a user starts them."""

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import torch
from tiny import ROOT, write_config, write_weights
from zygote import Zygote

from mmseg_fundus.datasets.synthetic import write_drive_layout


class Wrong(Exception):
    """What a row found to be otherwise than it should."""


class Finished(NamedTuple):
    """A command that ended: its exit status and what it printed, output and errors joined."""

    status: int
    out: str

    def tail(self, lines: int = 6) -> str:
        """The last lines that were printed."""
        return ' / '.join(self.out.strip().splitlines()[-lines:])

    def refusal(self) -> str:
        """The one line with which a command of ours refused; raises :class:`Wrong` if it is not one."""
        last = (self.out.strip().splitlines() or [''])[-1]
        if self.status != 1 or not last.startswith('error: ') or 'Traceback' in self.out:
            raise Wrong(f'exit status {self.status}, no refusal in one line: {self.tail()}')
        return last.removeprefix('error: ')


class Shared:
    """What all rows read and none changes: pictures, weights, a config, a trained checkpoint; and the processes that are forked.

    Args:
        folder (Path): Must exist, be empty.
        zygote (Zygote): None for one of its own.
    """

    def __init__(self, folder: Path, zygote: Zygote | None = None):
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if k not in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'PORT', 'MASTER_PORT')}
        self.env.update(
            OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT), FUNDUS_CACHE=str(folder / 'cache'), MPLBACKEND='Agg', VIRTUAL_ENV=sys.prefix
        )
        self.data = write_drive_layout(folder / 'DRIVE', training=6, test=3, size=64)
        self.weights = write_weights(folder / 'weights.pth')
        self._lock = threading.RLock()  # rows are tried in threads
        self._own = None if zygote else Zygote(folder / 'zygote', self.env)
        self.zygote = zygote or self._own

    def trained(self) -> Path:
        """The work folder of a training that all rows share."""
        folder = self.folder / 'trained'
        with self._lock:
            if not folder.exists():
                Trial(folder, self).train()
            return folder / 'work'

    def close(self) -> None:
        """End the processes."""
        if self._own:
            self._own.close()


class Trial:
    """One row's folder.

    Args:
        folder (Path): Is made.
        shared (Shared): See there.
        seconds (float): That its commands may take together.
    """

    def __init__(self, folder: Path, shared: Shared, seconds: float = 240):
        self.folder, self.shared, self.ends = folder, shared, time.monotonic() + seconds
        self.data, self.weights, self.work = shared.data, shared.weights, folder / 'work'
        folder.mkdir()

    # ---- commands

    def start(self, script, *arguments, stock=False, check=True) -> Finished:
        """Run a Python script in the row's folder, ``stock`` where ``mmseg_fundus`` was not imported before it.

        Raises:
            Wrong: If it fails and ``check`` is on.
        """
        zygote = self.shared.zygote.stock if stock else self.shared.zygote
        env = {**self.shared.env, 'PYTHONPATH': os.pathsep.join([str(ROOT), str(self.folder)])}
        command = [sys.executable, str(script), *map(str, arguments)]
        ended = zygote.run(command, self.folder, env, max(self.ends - time.monotonic(), 1))
        done = Finished(ended.returncode, ended.stdout)
        if check and (done.status or 'Traceback (most' in done.out):
            raise Wrong(f'{Path(script).name} ended with exit status {done.status}: {done.tail()}')
        return done

    def tool(self, name: str, *arguments, check=True) -> Finished:
        """A tool of ours."""
        return self.start(ROOT / 'tools' / f'{name}.py', *arguments, check=check)

    def stock_tool(self, name: str, *arguments, check=True) -> Finished:
        """A tool that mmsegmentation brings, e.g. ``analysis_tools/get_flops``."""
        import mmseg

        return self.start(Path(mmseg.__file__).parent / '.mim' / 'tools' / f'{name}.py', *arguments, stock=True, check=check)

    def python(self, code: str, check=True) -> Finished:
        """A script of the user's own, which imports what it needs itself."""
        script = self.folder / 'script.py'
        script.write_text(code)
        return self.start(script, stock=True, check=check)

    # ---- trainings

    def config(self, extra: str = '', name: str = 'tiny.py') -> Path:
        """The DRIVE config with a tiny ViT, two epochs; ``extra`` lines are added."""
        return write_config(self.folder, self.weights, self.data, extra, name)

    def train(self, extra: str = '', *options, check=True) -> Finished:
        """``tools/train.py`` with ``extra`` lines in the config."""
        return self.tool('train', self.config(extra), *options, check=check)

    def test(self, checkpoint: str = 'epoch_2.pth', *options, check=True) -> Finished:
        """``tools/test.py`` with a checkpoint of the work folder and the last config."""
        return self.tool('test', self.folder / 'tiny.py', self.work / checkpoint, *options, check=check)

    def take_trained(self, extra: str = '') -> Path:
        """A config, and in the work folder the checkpoints that were trained once for all rows; the path of the last."""
        self.config(extra)
        shutil.copytree(self.shared.trained(), self.work)
        return self.work / 'epoch_2.pth'

    # ---- what came out

    @property
    def files(self) -> set:
        """Names of the checkpoints in the work folder."""
        return {path.name for path in self.work.glob('*.pth')}

    def checkpoint(self, name: str = 'epoch_2.pth') -> dict:
        """What a checkpoint holds (the trial wrote it)."""
        return torch.load(self.work / name, map_location='cpu', weights_only=False)

    @property
    def results(self) -> dict:
        """``results.json``."""
        return json.loads((self.work / 'results.json').read_text())

    def scalars(self, key: str) -> list:
        """The values of a curve, in order, of the latest run (``train/lr``, ``val/Dice``); several processes' folders do not mix."""
        newest = max(self.work.glob('*/vis_data/scalars.json'), key=lambda path: path.stat().st_mtime_ns)
        lines = [json.loads(line) for line in newest.read_text().splitlines()]
        return [line[key] for line in lines if key in line]


def same(found, wanted, what: str) -> None:
    """Raise :class:`Wrong` unless two values are equal."""
    if found != wanted:
        raise Wrong(f'{what}: {found!r:.300} where {wanted!r:.300} was expected')


def near(found, wanted, what: str, tolerance: float = 1e-5) -> None:
    """Raise :class:`Wrong` unless two numbers, or two lists of them, are the same but for rounding."""
    found, wanted = (torch.as_tensor(value, dtype=torch.float64) for value in (found, wanted))
    if found.shape != wanted.shape or not torch.allclose(found, wanted, rtol=tolerance, atol=1e-9):
        raise Wrong(f'{what}: {found.tolist()} where {wanted.tolist()} was expected')


def true(value, what: str) -> None:
    """Raise :class:`Wrong` unless a value is true."""
    if not value:
        raise Wrong(what)

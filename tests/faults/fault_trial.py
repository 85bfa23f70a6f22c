"""A small training that can be broken: its folder, its config, and how it ends."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from tiny import ROOT, write_config, write_weights
from zygote import Zygote

from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.engine.work_folder import numbered_checkpoints
from mmseg_fundus.fileio.archive import is_whole

HOOK = """import multiprocessing, os, random, time
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class Breaker(Hook):
    priority = 'HIGHEST'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == {step}:
            {code}
"""


class Trial:
    """A folder with a small data set, weights and a config, and the training that is broken in it.

    Args:
        folder (Path): Must not exist.
        seed (int): Of when and where it breaks.
        zygote (Zygote): That runs the training's processes; None for new ones, as a user's are.
    """

    def __init__(self, folder: Path, seed: int, zygote: Zygote | None = None):
        self.folder, self.rng, self.zygote = folder, random.Random(seed), zygote
        folder.mkdir(parents=True)
        self.data = write_drive_layout(folder / 'DRIVE', training=6, test=2, size=64)
        self.weights = write_weights(folder / 'weights.pth')
        self.work = folder / 'work'

    def config(self, code: str = '', step: int = 0, extra: str = '') -> Path:
        """The config; ``code`` runs before training step ``step`` (5 steps an epoch)."""
        if code:
            (self.folder / 'breaker.py').write_text(HOOK.format(step=step, code=code))
            extra += (
                "\ncustom_imports = dict(imports=['mmseg_fundus', 'breaker'], allow_failed_imports=False)"
                "\ndefault_hooks['breaker'] = dict(type='Breaker')"
            )
        return write_config(self.folder, self.weights, self.data, "train_dataloader['batch_size'] = 1\n" + extra)

    def train(self, *options, config=None, processes=0, before='', wait=True):
        """Start ``tools/train.py`` and, unless told otherwise, return what it printed and its exit status."""
        config = config or self.folder / 'tiny.py'
        python, environment = (self.zygote.python, self.zygote.environment) if self.zygote else (sys.executable, sys.prefix)
        command = [str(python), str(ROOT / 'tools/train.py'), str(config), *map(str, options)]
        if processes:
            command = ['bash', str(ROOT / 'tools/dist_train.sh'), str(config), str(processes), *map(str, options)]
        if before:
            command = ['bash', '-c', f'{before}; exec "$@"', 'bash', *command]
        clean = {k: v for k, v in os.environ.items() if k not in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'PORT', 'MASTER_PORT')}
        clean.update(
            VIRTUAL_ENV=str(environment), OMP_NUM_THREADS='1', PYTHONPATH=str(self.folder), FUNDUS_CACHE=str(self.folder / 'cache')
        )
        process = subprocess.Popen(
            command, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, cwd=self.folder
        )
        if not wait:
            return process
        try:
            out, _ = process.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError('no end after 240 s') from None
        return out, process.returncode

    def stops(self, *words, **kwargs) -> str:
        """Train, which must end with one error line that holds the words; returns it."""
        out, status = self.train(**kwargs)
        last = out.strip().splitlines()[-1]
        assert status not in (0, None) and last.startswith('error') and all(word in last for word in words), out[-3000:]
        return last

    def trains(self, *options, **kwargs) -> str:
        out, status = self.train(*options, **kwargs)
        assert status == 0, out[-3000:]
        return out

    def check_kept(self, epochs) -> None:
        """Each of these epochs' checkpoints is there and whole, and nothing half written besides."""
        there = sorted(path.name for path in self.work.iterdir())
        assert [path.name for path in numbered_checkpoints(self.work)] == [f'epoch_{epoch}.pth' for epoch in epochs], there
        assert all(is_whole(path) for path in self.work.glob('*.pth')) and not list(self.work.glob('.*.tmp')), there

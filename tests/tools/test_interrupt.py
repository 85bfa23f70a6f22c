"""Ctrl-C, from the first import on, is one word and exit status 130."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = sorted(path.name for path in (Path(__file__).resolve().parents[2] / 'tools').glob('[!_]*.py'))
SITE = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ['INTERRUPTED_AT']:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""


@pytest.fixture
def interrupted(tmp_path):
    """Runs a command whose Python gets SIGINT when it begins to import a module."""
    (tmp_path / 'sitecustomize.py').write_text(SITE)

    def call(module, *command, **options):
        env = {**os.environ, 'PYTHONPATH': str(tmp_path), 'INTERRUPTED_AT': module, 'VIRTUAL_ENV': sys.prefix}
        return subprocess.run(
            [str(part) for part in command], env=env, capture_output=True, text=True, timeout=120, cwd=tmp_path, **options
        )

    return call


def test_there_are_tools():
    assert {'train.py', 'test.py', 'predict.py', 'reproduce.py'} <= set(TOOLS)


@pytest.mark.slow
@pytest.mark.parametrize('tool', TOOLS)
def test_a_tool_that_is_interrupted_while_it_imports_says_so_in_one_word(interrupted, root, tool):
    done = interrupted('mmseg_fundus.errors', sys.executable, root / 'tools' / tool)
    assert (done.returncode, done.stdout, done.stderr) == (130, '', 'interrupted\n')


@pytest.mark.slow
@pytest.mark.parametrize('module', ['cv2', 'torch', 'mmseg_fundus.engine'])
def test_a_tool_that_is_interrupted_while_it_imports_the_rest_says_so_in_one_word(interrupted, root, module):
    done = interrupted(module, sys.executable, root / 'tools/train.py', root / 'configs/quickstart.py')
    assert (done.returncode, done.stdout, done.stderr) == (130, '', 'interrupted\n')


@pytest.mark.slow
def test_an_interrupt_that_the_caller_ignores_is_ignored(interrupted, root):
    """As nohup and background jobs of scripts have it."""
    ignore = dict(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    done = interrupted('mmseg_fundus.errors', sys.executable, root / 'tools/train.py', 'none.py', **ignore)
    assert done.returncode == 1 and done.stderr.startswith('error: config file not found') and 'interrupted' not in done.stderr


IGNORING = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN if sys.argv.pop(1) == 'ignored' else signal.default_int_handler)
sys.argv.pop(0)
sys.path.insert(0, sys.argv[0].rpartition('/')[0])
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.mark.parametrize('how, status, words', [('ignored', 1, 'error: --seed -1'), ('taken', 130, 'interrupted')])
def test_so_is_one_when_all_is_imported(zygote, root, tiny_config, tmp_path, how, status, words):
    config = tiny_config('import os, signal\nos.kill(os.getpid(), signal.SIGINT)\ndel os, signal')
    command = [sys.executable, '-c', IGNORING, how, root / 'tools/train.py', config, '--seed', '-1']
    done = zygote.run(command, tmp_path, dict(os.environ), 120)
    assert done.returncode == status and done.stdout.strip().splitlines()[-1].startswith(words), done.stdout
    assert ('interrupted' in done.stdout) == (how == 'taken')


@pytest.mark.slow
@pytest.mark.parametrize('module', ['torch.distributed.elastic', 'torch.distributed.run'])
def test_torchrun_that_is_interrupted_while_it_imports_says_so_in_one_word(interrupted, root, module):
    done = interrupted(module, 'bash', root / 'tools/dist_train.sh', 'none.py', 2)
    assert (done.returncode, done.stdout, done.stderr) == (130, '', 'interrupted\n')


def test_the_launcher_that_is_interrupted_while_it_looks_for_torch_does_not_say_that_it_is_missing(root, tmp_path):
    python = tmp_path / 'bin/python'
    python.parent.mkdir()
    python.write_text('#!/bin/sh\nkill -INT $PPID\nexit 1\n')
    python.chmod(0o755)
    command = ['bash', str(root / 'tools/dist_train.sh'), 'none.py', '2']
    done = subprocess.run(command, env={**os.environ, 'VIRTUAL_ENV': str(tmp_path)}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, '', 'interrupted\n')

"""A fork of tests/zygote.py is to a test what a process is: its status, streams, environment, signals."""

import os
import subprocess
import sys
import time

import pytest


@pytest.fixture
def python(zygote, tmp_path):
    """Runs code; returns its status and what it printed."""

    def run(code, *arguments, **env):
        done = zygote.run([sys.executable, '-c', code, *arguments], tmp_path, {**os.environ, **env}, 60)
        return done.returncode, done.stdout

    return run


@pytest.mark.parametrize(
    'code, status, output',
    [
        ('print(1)', 0, '1\n'),
        ('import sys; sys.exit(3)', 3, ''),
        ('import sys; sys.exit("why")', 1, 'why\n'),
        ('import os; os.kill(os.getpid(), 9)', -9, ''),
        ('import signal; signal.raise_signal(15)', -15, ''),
        ('import atexit; atexit.register(print, "end"); print("begin")', 0, 'begin\nend\n'),
        ('import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print("late"))).start()', 0, 'late\n'),
        ('import sys; print(sys.stdin.read() == "", sys.argv[1:])', 0, "True ['a', 'b']\n"),
    ],
)
def test_it_ends_and_prints_as_a_process_does(python, code, status, output):
    assert python(code, 'a', 'b') == (status, output)


def test_it_has_its_own_environment_folder_and_paths(python, tmp_path):
    (tmp_path / 'here.py').write_text('x = 1')
    (tmp_path / 'there').mkdir()
    (tmp_path / 'there/other.py').write_text('x = 2')
    code = 'import os, here, other; print(here.x, other.x, os.getcwd(), os.environ["SAID"], os.getppid())'
    assert python(code, PYTHONPATH=str(tmp_path / 'there'), SAID='so') == (0, f'1 2 {tmp_path} so {os.getpid()}\n')
    assert python('print("here" in __import__("sys").modules)') == (0, 'False\n')


def test_a_traceback_is_printed_and_the_status_is_one(python):
    status, out = python('1 / 0')
    assert status == 1 and out.startswith('Traceback') and out.endswith('ZeroDivisionError: division by zero\n')


CHILD = """
import os, signal, sys, time
if sys.argv[1] == 'catch':
    signal.signal(signal.SIGTERM, lambda *_: (print('caught', flush=True), os._exit(7)))
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize('how, number, status', [('catch', 15, 7), ('', 15, -15), ('', 2, -2), ('', 9, -9)])
def test_signals_reach_it_and_what_kills_the_client_kills_it(zygote, how, number, status):
    process = zygote.popen([sys.executable, '-c', CHILD, how], os.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    pid = int(process.stdout.readline())
    assert pid not in (process.pid, os.getpid())
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == status and ('caught' in out) == (how == 'catch') and ('KeyboardInterrupt' in out) == (number == 2)
    until = time.monotonic() + 30
    while os.path.exists(f'/proc/{pid}') and time.monotonic() < until:
        time.sleep(0.01)
    assert not os.path.exists(f'/proc/{pid}')


def test_one_that_takes_too_long_is_ended(zygote, tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        zygote.run([sys.executable, '-c', 'import time; time.sleep(60)'], tmp_path, dict(os.environ), 0.5)


def test_a_shell_script_and_a_fork_start_forks(zygote, tmp_path):
    env = {**os.environ, 'PYTHON': str(zygote.python)}
    inner = 'subprocess.run([sys.executable, "-c", "import sys; sys.exit(5)"]).returncode'
    nested = f'import subprocess, sys; print("torch" in sys.modules); print({inner})'
    done = subprocess.run(['bash', '-c', f"exec $PYTHON -c '{nested}'"], env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, 'True\n5\n'), done.stderr


def test_limits_hold_for_it(zygote):
    code = 'import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE)[0])'
    env = {**os.environ, 'PYTHON': str(zygote.python)}
    done = subprocess.run(['bash', '-c', f"ulimit -f 7; exec $PYTHON -c '{code}'"], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout == f'{7 * 1024}\n'

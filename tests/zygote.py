"""Runs Python scripts in forks of one process that has imported the package: an import takes seconds, and the tests start hundreds.

A fork starts where a user's process would after its imports: its own arguments, environment, folder, streams, process group. What the test
holds is a small process that stands for it (zygote_client.py): it has the fork's exit status, passes signals on, and if it is killed, so is
the fork. ``Zygote.python`` is that process as an executable, for what starts Python itself (torchrun, a shell script): one that has
``VIRTUAL_ENV=Zygote.environment`` forks all its processes. ``Zygote.stock`` forks a process in which nobody has imported our package yet.
"""

import ast
import atexit
import contextlib
import gc
import importlib
import json
import os
import resource
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from PIL import Image

CLIENT = Path(__file__).with_name('zygote_client.py')
STOCK = (  # of other packages, also what the tools import when they first need it
    'mmengine.runner,mmpretrain.models,mmseg.apis,mmseg.datasets,mmseg.models,mmseg.evaluation,mmseg.engine,mmseg.visualization,'
    'matplotlib.pyplot,matplotlib.backends.backend_agg,torch.utils.tensorboard,torch.utils.serialization.config,torch.distributed.run,'
    'setuptools,packaging.requirements,yapf.yapflib.yapf_api'
)
OURS = 'mmseg_fundus,mmseg_fundus.apis,mmseg_fundus.engine'


class Forks:
    """The client's side of what a process forks.

    Args:
        folder (Path): For its socket and the executable; made if it is not there.
        imports (str): Modules that it has imported, with commas.
    """

    def __init__(self, folder: Path, imports: str):
        self.address = str(folder / 'zygote')
        self.imports = imports
        self.environment = folder / 'environment'
        self.python = self.environment / 'bin/python'
        self.python.parent.mkdir(parents=True)
        self.python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {CLIENT} {self.address} "$@"\n')
        self.python.chmod(0o755)

    def popen(self, command: list, env: dict, **options) -> subprocess.Popen:
        """Start ``[python, script, arguments ...]``; options are those of ``subprocess.Popen``."""
        client = [sys.executable, '-I', '-S', CLIENT, self.address, *command[1:]]
        return subprocess.Popen([str(part) for part in client], env=env, **options)

    def run(self, command: list, cwd, env: dict, timeout: float) -> subprocess.CompletedProcess:
        """Run ``[python, script, arguments ...]`` to its end; output and errors joined, a negative status if it was killed."""
        streams = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
        process = self.popen(command, env, cwd=cwd, **streams)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(command, process.returncode, output)


class Zygote(Forks):
    """Forks that have imported the package; ``stock`` are those that have imported what it builds on, but not the package.

    Args:
        folder (Path): For sockets and executables.
        env (dict): Environment of the processes that are forked.
    """

    def __init__(self, folder: Path, env: dict):
        super().__init__(folder, OURS)
        self.stock = Forks(folder / 'stock', STOCK)
        stages = [word for forks in (self.stock, self) for word in (forks.address, str(forks.python), forks.imports)]
        streams = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # they end when their input does
        self.process = subprocess.Popen([sys.executable, __file__, *stages], env=env, start_new_session=True, **streams)
        while (line := self.process.stdout.readline()) != 'ready\n':  # onedl-* packages print
            assert line, 'the process that is forked did not start'

    def close(self) -> None:
        """End the processes."""
        self.process.stdin.close()
        self.process.wait()


class _Fork:
    """A fork as the server knows it: who asked for it, its process id once it runs."""

    def __init__(self, connection: socket.socket):
        self.connection, self.pid = connection, None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the fork and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def read(self, others) -> bool:
        """Take what the client sent: the request, or a signal to pass on; False if the client has ended."""
        if self.pid is not None:
            received = self.connection.recv(1)
            self.kill(received[0] if received else signal.SIGKILL)
            return bool(received)
        head, streams, _, _ = socket.recv_fds(self.connection, 8, 3)
        if len(streams) < 3:
            return False
        text = b''
        while len(text) < int.from_bytes(head, 'big'):
            text += self.connection.recv(1 << 20)
        self.pid = os.fork()
        if self.pid == 0:
            for other in others:
                other.close()
            _child(json.loads(text), streams)
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(self.pid, self.pid)  # as the fork does: whoever comes first
        for stream in streams:
            os.close(stream)
        return True


def _run_python(argv: list) -> None:
    while argv[0] == '-u':
        argv = argv[1:]
    if argv[0] == '-c':
        sys.argv, sys.path[0] = ['-c', *argv[2:]], ''
        exec(compile(argv[1], '<string>', 'exec'), {'__name__': '__main__', '__builtins__': __builtins__})
    elif argv[0] == '-m':
        sys.argv, sys.path[0] = argv[1:], os.getcwd()
        runpy.run_module(argv[1], run_name='__main__', alter_sys=True)
    else:
        sys.argv, sys.path[0] = argv, str(Path(argv[0]).parent)
        runpy.run_path(argv[0], run_name='__main__')


def _exit_status(argv: list) -> int:
    """Exit status of a script that runs here, as Python would give it; negative if it is to end by that signal."""
    try:
        _run_python(argv)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        return -signal.SIGINT
    except BaseException:  # noqa: B902 (what a traceback is printed of)
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _child(request: dict, streams: list) -> None:
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.getppid = lambda: request['parent']
    for number, limits in request['limits'].items():
        resource.setrlimit(int(number), limits)
    os.environ.clear()
    os.environ.update(request['env'])
    before = [path for path in request['env'].get('PYTHONPATH', '').split(os.pathsep) if path not in ('', *sys.path)]
    for shadowed in {file.stem for path in before for file in Path(path).glob('*.py')} & sys.modules.keys():
        del sys.modules[shadowed]  # torch 2.3 imports onnxruntime, which a test blocks
    sys.path[1:1] = before
    os.chdir(request['cwd'])
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    unbuffered = request['argv'][0] == '-u' or bool(request['env'].get('PYTHONUNBUFFERED'))
    sys.stdout.reconfigure(line_buffering=False, write_through=unbuffered)
    status = _exit_status(request['argv'])
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status & 255)


def spare_repetition() -> None:
    """Do once what mmengine does again and again, for what was imported so far."""
    yapf_api = importlib.import_module('yapf.yapflib.yapf_api')  # which mmengine brings

    def unformatted(text, **options):  # the config, a quarter of a second for each process
        ast.parse(text)  # yapf refuses what is no Python, too
        return text, False

    yapf_api.FormatCode = unformatted
    Image.init()
    gc.collect()
    gc.freeze()  # the garbage of all that was imported is looked for with each data set: half a second


def _serve_stages(words: list) -> None:
    """Import and serve: each stage (address, Python, modules) from a process that has imported those of the stages before it, too."""
    while words:
        address, python, imports, *words = words
        for module in imports.split(','):
            importlib.import_module(module)
        spare_repetition()
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        server.listen(64)
        if not words:
            print('ready', flush=True)
        if not words or os.fork() == 0:
            return _serve(server, python)
        server.close()


def _serve(server: socket.socket, python: str) -> None:
    sys.executable = python
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ears = selectors.DefaultSelector()
    for ear in (server, wake, sys.stdin):
        ears.register(ear, selectors.EVENT_READ)
    forks = {}

    def end(connection):
        ears.unregister(connection)
        forks.pop(connection)
        connection.close()

    while True:
        for key, _ in ears.select():
            ear = key.fileobj
            if ear is sys.stdin:
                for fork in forks.values():
                    fork.kill() if fork.pid else None
                return
            if ear is server:
                connection, _ = server.accept()
                forks[connection] = _Fork(connection)
                ears.register(connection, selectors.EVENT_READ)
            elif ear is wake:
                wake.recv(4096)
                while pid_and_status := _ended():
                    for connection in [c for c, fork in forks.items() if fork.pid == pid_and_status[0]]:
                        with contextlib.suppress(OSError):
                            connection.sendall(f'{os.waitstatus_to_exitcode(pid_and_status[1])}\n'.encode())
                        end(connection)
            elif ear in forks and not forks[ear].read((server, wake, woken, *forks)):
                end(ear)


def _ended():
    """Process id and status of a fork that has ended, or None."""
    with contextlib.suppress(ChildProcessError):
        pid, status = os.waitpid(-1, os.WNOHANG)
        return (pid, status) if pid else None


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    _serve_stages(sys.argv[1:])

"""Runs the tools in forks of one process that has imported the package: an import takes seconds, and the tests call a tool a hundred times.

A fork starts where a user's process would after its imports: its own arguments, environment, folder, output, exit status.
"""

import atexit
import contextlib
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path


class Zygote:
    """The client's side; the process is started at the first call.

    Args:
        folder (Path): For its socket.
        imports (str): Modules that it imports before it forks, with commas.
    """

    def __init__(self, folder: Path, imports='mmseg_fundus'):
        self.address = str(folder / 'zygote')
        self.imports = imports
        self.process = None

    def start(self, env: dict) -> None:
        """Start the process with this environment; :meth:`run` does it if nobody has."""
        command = [sys.executable, __file__, self.address, self.imports]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        while (line := self.process.stdout.readline()) != 'ready\n':  # onedl-* packages print
            assert line, 'the process that is forked did not start'

    def run(self, command: list, cwd, env: dict, timeout: float) -> subprocess.CompletedProcess:
        """Run ``[python, script, arguments ...]``; output and errors joined, -9 if it was killed."""
        if self.process is None:
            self.start(env)
        with socket.socket(socket.AF_UNIX) as connection, tempfile.NamedTemporaryFile('r', errors='replace') as output:
            connection.connect(self.address)
            connection.settimeout(timeout)
            request = dict(argv=command[1:], cwd=str(cwd), env=env, output=output.name)
            connection.sendall((json.dumps(request) + '\n').encode())
            answers = connection.makefile()
            pid = int(answers.readline())
            try:
                status = answers.readline()
            except TimeoutError as error:
                os.killpg(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(command, timeout, output.read()) from error
            return subprocess.CompletedProcess(command, int(status or -9), output.read())

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def _run_script(argv: list) -> int:
    """Exit status of a script that runs here, as Python would give it."""
    sys.argv = argv
    sys.path[0] = str(Path(argv[0]).parent)
    try:
        runpy.run_path(argv[0], run_name='__main__')
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: B902 (what a traceback is printed of)
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _child(connection: socket.socket) -> None:
    request = json.loads(connection.makefile().readline())
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(request['env'])
    sys.path[1:1] = [path for path in request['env'].get('PYTHONPATH', '').split(os.pathsep) if path not in ('', *sys.path)]
    os.chdir(request['cwd'])
    output = os.open(request['output'], os.O_WRONLY | os.O_APPEND)
    for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    sys.stdout.reconfigure(line_buffering=False)
    connection.sendall(f'{os.getpid()}\n'.encode())
    status = _run_script(request['argv'])
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    connection.sendall(f'{status}\n'.encode())
    os._exit(status & 255)


def _serve(address: str, imports: str) -> None:
    for module in imports.split(','):
        importlib.import_module(module)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print('ready', flush=True)
        while True:
            connection, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _child(connection)
            connection.close()


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    _serve(*sys.argv[1:])

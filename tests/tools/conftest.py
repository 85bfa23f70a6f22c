import os
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest


@pytest.fixture
def shell(tmp_path, root, zygote):
    """Run a command in a folder that is not the checkout; returns the finished process, output joined.

    Our own tools, also those that a script starts, are forks of a process that has imported the package.
    """

    def run(*command, **env):
        command = [str(part) for part in command]
        clean = {k: v for k, v in os.environ.items() if k not in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'PORT', 'MASTER_PORT')}
        clean.update(VIRTUAL_ENV=str(zygote.environment), OMP_NUM_THREADS='1', **env)
        if command[0] == sys.executable and Path(command[1]).parent == root / 'tools':
            return zygote.run(command, tmp_path, clean, 300)
        streams = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return subprocess.run(command, cwd=tmp_path, env=clean, text=True, timeout=300, **streams)

    return run


@pytest.fixture
def served(tmp_path):
    """Address of a web server of ``tmp_path``."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *arguments: None
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()

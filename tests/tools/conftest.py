import os
import subprocess
import sys

import pytest


@pytest.fixture
def shell(tmp_path):
    """Run a command in a folder that is not the checkout; returns the finished process, output joined."""

    def run(*command, **env):
        clean = {k: v for k, v in os.environ.items() if k not in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'PORT', 'MASTER_PORT')}
        clean.update(VIRTUAL_ENV=sys.prefix, OMP_NUM_THREADS='1', **env)
        return subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env=clean,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )

    return run

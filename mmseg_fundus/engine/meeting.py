"""Whether the processes of a training can meet on this machine: tried with small ones."""

import os
import socket
import subprocess
import sys
import time

from ..errors import ConfigError

SECONDS = 150  # that they have to meet, torch's import on a busy machine counted in
RANK = """
import os, torch, torch.distributed as d
gpu = torch.cuda.is_available(); rank = int(os.environ['RANK'])
if gpu: torch.cuda.set_device(rank)
d.init_process_group('nccl' if gpu else 'gloo')
x = torch.full((1,), float(rank + 1), device='cuda' if gpu else 'cpu'); d.all_reduce(x)
assert int(x) == d.get_world_size() * (d.get_world_size() + 1) // 2
d.destroy_process_group()
"""


def meet(processes: int) -> None:
    """Start that many processes, form a group (NCCL with a GPU, else gloo), and add up a number each, on ``PORT`` or a free port.

    Raises:
        ConfigError: If one fails, or they do not meet in :data:`SECONDS`.
    """
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = os.environ.get('PORT') or str(probe.getsockname()[1])
    env = {**os.environ, 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port, 'WORLD_SIZE': str(processes), 'OMP_NUM_THREADS': '1'}
    ranks = [
        subprocess.Popen([sys.executable, '-c', RANK], env={**env, 'RANK': str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(processes)
    ]
    start = time.perf_counter()
    try:
        for rank, process in enumerate(ranks):
            _, err = process.communicate(timeout=max(SECONDS - (time.perf_counter() - start), 1))
            if process.returncode:
                lines = err.strip().splitlines() or ['no message']
                raise ConfigError(f'rank {rank} of {processes} failed: {lines[-1][:200]}')
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f'{processes} processes did not meet in {SECONDS} s on port {port}; a firewall?') from error
    finally:
        for process in ranks:
            process.kill()

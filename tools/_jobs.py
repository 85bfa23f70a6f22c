"""What tools that start many trainings share: one training per GPU at a time, each in a process of its own with its log."""

import os
import queue
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import torch

from mmseg_fundus.errors import ConfigError

TOOLS = Path(__file__).resolve().parent


def gpus_to_use(asked: int | None) -> int:
    """How many GPUs share the trainings: ``--gpus``, or all there are; 0 is the CPU.

    Raises:
        ConfigError: If there are not so many.
    """
    there = torch.cuda.device_count()
    count = there if asked is None else asked
    if not 0 <= count <= there:
        raise ConfigError(f'--gpus {count}: this machine has {there}')
    return count


def call(name: str, log: Path, gpu: str | None, script: str, *arguments) -> None:
    """Run one of the tools; what it says goes to the end of ``log``.

    Raises:
        ConfigError: If it fails, with the last line of the log.
        KeyboardInterrupt: If it was interrupted.
    """
    environment = {**os.environ, **({} if gpu is None else {'CUDA_VISIBLE_DEVICES': gpu})}
    command = [sys.executable, str(TOOLS / script), *(str(argument) for argument in arguments)]
    with open(log, 'ab') as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    if done.returncode in (130, -signal.SIGINT):
        raise KeyboardInterrupt
    if done.returncode:
        last = log.read_text(errors='replace').strip().splitlines()[-1:]
        raise ConfigError(f'{name}: tools/{script} ended with status {done.returncode}; see {log}: {"".join(last)}')


def share_out(jobs: list, carry_out, count: int, tick=None) -> list[Future]:
    """Carry out jobs, one on each GPU at a time (one at all without a GPU); an interrupt begins no further one.

    Args:
        jobs (list): What ``carry_out`` takes.
        carry_out (Callable): ``carry_out(job, gpu)``, where ``gpu`` is a number as text, or ``None`` for the CPU.
        count (int): GPUs.
        tick (Callable, optional): Called from this thread several times a second as long as something runs.

    Returns:
        list[Future]: Of each job, all finished; one that failed holds its exception.
    """
    free = queue.SimpleQueue()
    for gpu in map(str, range(count)):
        free.put(gpu)
    if not count:
        free.put(None)
    interrupted = threading.Event()

    def on_a_free_gpu(job):
        gpu = free.get()
        try:
            if interrupted.is_set():
                raise KeyboardInterrupt
            return carry_out(job, gpu)
        except KeyboardInterrupt:  # of this process, or of the training alone
            interrupted.set()
            raise
        finally:
            free.put(gpu)

    with ThreadPoolExecutor(max(count, 1)) as pool:
        futures = [pool.submit(on_a_free_gpu, job) for job in jobs]
        try:
            while wait(futures, timeout=0.2).not_done:
                if tick:
                    tick()  # and a signal may reach another thread and leave this one waiting: it looks from time to time
        except KeyboardInterrupt:
            interrupted.set()  # those that have not begun would begin now
    if interrupted.is_set():
        raise KeyboardInterrupt
    return futures

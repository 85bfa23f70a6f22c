"""Process groups on machines with and without GPUs."""

import gc
import inspect
import os
from datetime import timedelta
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from torch import distributed
from torch.nn import SyncBatchNorm
from torch.nn.parallel import DistributedDataParallel

from ..errors import ConfigError


def check_processes() -> None:
    """Raise :class:`ConfigError` if this machine was asked for more processes than it has GPUs, and it has some.

    To be called before anything is logged: mmengine's logger looks up the GPU of its process.
    """
    wanted, there = int(os.environ.get('LOCAL_WORLD_SIZE', 1)), torch.cuda.device_count()
    if torch.cuda.is_available() and wanted > there:
        raise ConfigError(f'{wanted} processes were asked for, this machine has {there} GPU(s); ask for fewer')


def prepare_launcher(cfg: Config, launcher: str) -> None:
    """Make a launcher work on what the machine has; called before the runner is built.

    With GPUs mmengine's own set-up (NCCL) is left alone.  Without, the gloo group is formed here, because mmengine's would call
    ``torch.cuda.set_device``, the model is wrapped without device ids, and SyncBN, which torch has for GPUs alone, becomes BN.

    Args:
        cfg (Config): ``launcher`` and, on CPU, ``model_wrapper_cfg`` are set, and the types of norm layers.
        launcher (str): ``'none'``, ``'pytorch'`` (torchrun), ``'slurm'`` or ``'mpi'``.

    Raises:
        ConfigError: If the launcher was not what started the process.
    """
    cfg.launcher = launcher
    if launcher == 'none':
        return
    if torch.cuda.is_available():
        return
    if launcher != 'pytorch':
        raise ConfigError(f'no GPU was found; without one only --launcher pytorch works, not {launcher} (use tools/dist_train.sh)')
    if 'RANK' not in os.environ:
        raise ConfigError('--launcher pytorch needs torchrun to start the processes; use tools/dist_train.sh CONFIG NUMBER')
    if not distributed.is_initialized():
        seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout') or 1800
        distributed.init_process_group('gloo', timeout=timedelta(seconds=seconds))
    known = inspect.signature(DistributedDataParallel).parameters
    buffers = 'forward_sync_buffers' if 'forward_sync_buffers' in known else 'broadcast_buffers'  # renamed in torch 2.15
    cfg.setdefault('model_wrapper_cfg', {'type': 'MMDistributedDataParallel', buffers: False})
    cfg.model_wrapper_cfg.device_ids = None
    if _to_batch_norm(cfg.get('model')) or cfg.get('sync_bn'):
        cfg.sync_bn = None
        print_log('SyncBN works on GPUs alone: here each process has batch norm over its own pictures', logger='current', level=30)


def _to_batch_norm(node: Any) -> int:
    """Change every ``type='SyncBN'`` in a config to ``'BN'``; how many there were."""
    if isinstance(node, (list, tuple)):
        return sum(_to_batch_norm(item) for item in node)
    if not isinstance(node, dict):
        return 0
    found = node.get('type') in ('SyncBN', 'MMSyncBN', SyncBatchNorm)
    if found:
        node['type'] = 'BN'
    return found + sum(_to_batch_norm(value) for value in node.values())


def close() -> None:
    """Leave the process group, if there is one, together, and end its threads.

    What was trained still holds the group, in reference cycles: its threads would live on into the interpreter's end, where one that
    asks for the interpreter aborts the process, and torchrun then kills the other ranks.
    """
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()
        gc.collect()

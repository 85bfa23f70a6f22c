"""What every command line tool shares: short options, and errors of one line."""

import argparse
import io
import logging
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmengine.config import DictAction
from mmseg import registry as seg
from torch import distributed

from ..components import arguments, component
from ..errors import ConfigError, FundusError, WriteError, printable
from ..fileio.safe_load import OPT_IN
from ..fileio.whole_files import FULL
from .distributed import check_processes, close

REGISTRIES = (
    *(seg.DATASETS, seg.MODELS, seg.TRANSFORMS, seg.METRICS, seg.HOOKS, seg.VISUALIZERS, seg.VISBACKENDS, seg.DATA_SAMPLERS),
    *(seg.OPTIMIZERS, seg.OPTIM_WRAPPERS, seg.OPTIM_WRAPPER_CONSTRUCTORS, seg.PARAM_SCHEDULERS, seg.LOOPS, seg.LOG_PROCESSORS),
)


def add_common_arguments(parser: argparse.ArgumentParser, launcher: bool = True, loops: bool = True) -> None:
    """Options that the tools which take a config share.

    Args:
        parser (argparse.ArgumentParser): Gets them.
        launcher (bool): Those of tools that run in several processes.
        loops (bool): Those of tools that train or test.
    """
    if loops:
        parser.add_argument('--work-dir', metavar='DIR', help='output folder (default: work_dirs/<config name>)')
        parser.add_argument('--data-root', metavar='DIR', help="folder of the data set, instead of the config's")
    parser.add_argument('--weights', metavar='FILE', help="encoder weights file, instead of the config's")
    parser.add_argument(
        '--allow-unsafe', action='store_true', help='unpickle weights and checkpoint files without restrictions: runs code in them'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override settings of the config, e.g. train_dataloader.batch_size=2 model.backbone.out_indices="(0,6,11)"',
    )
    if not launcher:
        return
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='how the processes were started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_tta_arguments(parser: argparse.ArgumentParser) -> None:
    """``--tta [flips]`` and ``--no-tta``: ``args.tta`` is ``True``, ``'flips'`` or ``False``, ``None`` where the config decides.

    The parser is given :func:`tta_spelled_out` of the words, so that a file's name may stand behind ``--tta``.
    """
    poses = parser.add_mutually_exclusive_group()
    poses.add_argument(
        '--tta',
        nargs='?',
        const=True,
        type=_poses,
        metavar='flips',
        help='average the probabilities of all eight flips and quarter turns, or of the four flips alone (default: as the config says)',
    )
    poses.add_argument('--no-tta', dest='tta', action='store_false', default=None, help='predict the picture as it is alone')


def tta_spelled_out(words: Sequence[str]) -> list[str]:
    """The words of a command line, with ``--tta=all`` for a ``--tta`` that no ``flips`` follows."""
    follows = [*words[1:], '']
    return ['--tta=all' if word == '--tta' and behind != 'flips' else word for word, behind in zip(words, follows)]


def _poses(word: str) -> bool | str:
    if word not in ('all', 'flips'):
        raise argparse.ArgumentTypeError(f"{word!r}: 'flips' was expected, or nothing")
    return word if word == 'flips' else True


def common_options(args: argparse.Namespace) -> dict[str, Any]:
    """``--cfg-options`` with the switches that are short for one, for :func:`.config.load_config`.

    Raises:
        ConfigError: If there are more processes on this machine than GPUs.
    """
    check_processes()
    os.environ.setdefault('LOCAL_RANK', str(getattr(args, 'local_rank', 0)))
    options = dict(args.cfg_options or {})
    if args.allow_unsafe:
        os.environ[OPT_IN] = '1'
    return options


def explain_type_error(error: TypeError) -> str | None:
    """One line for a misspelt or missing argument in a config; ``None`` if the error is something else."""
    text = str(error)
    match = re.search(r"(\w+?)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'", text)
    if match:
        name, argument = match.groups()
        kind = next((found for found in (component(name, registry) for registry in REGISTRIES) if found), None)
        if kind is None and '.__init__' not in text:
            return None  # a function of somebody's code
        return (
            f'the config gives {name} an argument {argument!r} that it does not take{_meant(argument, arguments(kind)[0] if kind else ())}'
        )
    if re.search(r'__init__\(\) missing \d+ required', text):
        return f'the config leaves out something: {text}'
    return None


def explain_unknown_type(error: Exception) -> str | None:
    """One line for a ``type`` in a config that no registry knows, or that is missing; ``None`` if the error is something else."""
    match = re.search(r'([\w.]+) is not in the (\S+) registry', str(error))
    if match:
        names = [name for registry in REGISTRIES for name in registry.module_dict]
        meant = _meant(match.group(1).split('.')[-1], names)
        return f'the config names a type {match.group(1)!r} that {match.group(2)} does not know{meant}'
    match = re.search(r'must contain the key "type", but got (.*)', ' '.join(str(error.args[0]).split())) if error.args else None
    if match:
        return f'a part of the config has no type, which every component needs: {match.group(1)[:200]}'
    return None


def _meant(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f'; did you mean {close[0]!r}?' if close else ''


def explain(error: Exception) -> str | None:
    """One line a user can act on, or ``None`` for an error that is none of theirs."""
    if isinstance(error, WriteError):
        return f'{one_line(error)}; a training goes on with --resume'
    if isinstance(error, FundusError):
        return one_line(error)
    if isinstance(error, TypeError):
        return explain_type_error(error)
    if isinstance(error, OSError) and error.filename:
        return f'{error.filename}: {error.strerror}'
    if isinstance(error, OSError) and error.errno in FULL:
        return f'a file could not be written: {error.strerror}. Make room, and start again with --resume if it was a training'
    if isinstance(error, NotImplementedError):
        return explain_not_implemented(error)
    if isinstance(error, MemoryError):
        return (
            f'memory ran out ({printable(str(error)) or "no more was to be had"}): take smaller pictures, fewer at once, or another machine'
        )
    if isinstance(error, KeyError):
        return explain_unknown_type(error)
    if isinstance(error, ImportError):
        return explain_missing_package(error)
    if isinstance(error, ValueError) and 'multiple evaluation results with the same metric name' in str(error):
        name = str(error).split('metric name ')[-1].split('.')[0]
        return f"two evaluators of the config both have a figure {name}; give one a prefix, e.g. dict(type='VesselMetric', prefix='vessel')"
    if isinstance(error, RuntimeError) and str(error).startswith('Failed to get '):  # mmengine's registry, of a module that fails to import
        return f'the config names a type {str(error)[14:]!r} that cannot be imported'
    if isinstance(error, RuntimeError):
        return explain_lost_process(error)
    return explain_impossible_steps(error)


def explain_not_implemented(error: NotImplementedError) -> str | None:
    """One line for parts of a config that an OpenMMLab package cannot combine; ``None`` if the error is from elsewhere."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    file = Path(last.filename)
    package = next((name for name in ('mmseg', 'mmengine', 'mmpretrain', 'mmcv') if name in file.parts), None)
    if package is None:
        return None
    if file.stem == 'layer_decay_optimizer_constructor':
        return (
            "optim_wrapper.constructor: mmseg's layer-wise rates know the backbones ConvNeXt, BEiT and MAE alone; leave constructor out, "
            'write optim_wrapper.paramwise_cfg=dict(_delete_=True, layer_decay=0.9)'
        )
    return f'{package} cannot combine what the config does: {error or "not implemented"} ({last.name} in {file.name}, line {last.lineno})'


def explain_impossible_steps(error: Exception) -> str | None:
    """One line for what mmengine or torch refuse before the first step; ``None`` if the error is something else."""
    if isinstance(error, ValueError) and 'SyncBatchNorm' in str(error):
        return f"{error}: SyncBN needs a GPU for each process; use norm_cfg=dict(type='BN'), and leave sync_bn out"
    if isinstance(error, AssertionError) and '`epoch_length` must be a positive integer' in str(error):
        return (
            'an epoch has no step: with train_dataloader.drop_last=True there must be as many pictures for each process as a batch has; '
            'use a smaller --batch-size, or leave drop_last out'
        )
    return None


def explain_missing_package(error: ImportError) -> str | None:
    """One line for a visualizer backend (wandb, MLflow ...) whose package is not installed; ``None`` if the error is something else."""
    match = re.search(r'run "(pip install [^"]+)"', str(error))
    if not match:
        return None
    return f'the config has a backend in visualizer.vis_backends whose package is not installed: {match.group(1)}, or leave it out'


def explain_lost_process(error: RuntimeError) -> str | None:
    """One line for a data loading process that died, or another rank that does not answer; ``None`` if the error is something else."""
    text = ' '.join(str(error).split())
    if re.search(r'DataLoader worker \(pid', text):
        return (
            f'a data loading process died ({text[:200]}). Usually memory or shared memory (/dev/shm) ran out: use fewer with '
            '--cfg-options train_dataloader.num_workers=0, and --resume goes on from the last checkpoint'
        )
    if re.search(r'[Tt]imed? ?out|Connection (closed|reset)', text) and distributed.is_available() and distributed.is_initialized():
        return (
            f'another process does not answer: it hangs, or it ended ({text[:200]}). All processes end here; --resume goes on '
            'from the last checkpoint. How long is waited: env_cfg.dist_cfg.timeout, in seconds'
        )
    return None


def one_line(error: FundusError) -> str:
    """The message of an error, also if it came out of a data loader's worker as a printed traceback."""
    text = str(error)
    if 'Original Traceback' in text:
        text = re.split(r'\w*Error: ', text.strip().splitlines()[-1], maxsplit=1)[-1]
    return printable(' '.join(text.split()))


def run(main: Callable[[], object]) -> None:
    """Call a tool's ``main()``; an error of ours becomes one line on stderr and exit status 1."""
    logging.FileHandler.handleError = _cannot_log  # type: ignore[assignment, method-assign]
    threading.excepthook = _of_a_thread
    if isinstance(sys.stdout, io.TextIOWrapper):  # an error comes last, also where output and errors go into one file
        sys.stdout.reconfigure(line_buffering=True)
    if callable(signal.getsignal(signal.SIGINT)):  # tools/_interrupt.py ended the process at once while it imported
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        message = explain(error)
        if message is None and 'FUNDUS_ERROR_FILE' not in os.environ:
            raise
        if message is None:
            traceback.print_exc()
            message = f'{type(error).__name__}: {" ".join(str(error).split())[:500]}'
        _report(message)
        sys.exit(1)
    close()


def _cannot_log(handler: logging.FileHandler, record: logging.LogRecord) -> None:
    """For ``logging``: a log that the disk has no room for ends the tool, where ``logging`` would print a traceback for each line."""
    error = sys.exc_info()[1]
    if isinstance(error, OSError) and error.errno in FULL:
        raise WriteError(
            f'{handler.baseFilename} could not be written ({error.strerror}). Make room, and start again with --resume if it was a training'
        ) from error
    logging.Handler.handleError(handler, record)


def _of_a_thread(found: threading.ExceptHookArgs) -> None:
    """For ``threading``: TensorBoard's writer hands a full disk on to the main thread, which says it; here it would be said twice."""
    if not (isinstance(found.exc_value, OSError) and found.exc_value.errno in FULL):
        threading.__excepthook__(found)


def _report(message: str) -> None:
    rank = f' (rank {os.environ["RANK"]})' if int(os.environ.get('WORLD_SIZE', 1)) > 1 else ''
    line = f'error{rank}: {message}'
    print(line, file=sys.stderr, flush=True)
    first = os.environ.get('FUNDUS_ERROR_FILE')  # dist_launch.sh prints the first rank's error last, below torchrun's own words
    if first:
        try:
            with open(first, 'x') as file:
                file.write(line + '\n')
        except FileExistsError:
            pass


def known_checkpoint(path: str) -> str:
    """``path`` if it is a file; raises :class:`ConfigError` otherwise."""
    if not os.path.isfile(path):
        raise ConfigError(f'checkpoint not found: {os.path.abspath(path)}')
    return path

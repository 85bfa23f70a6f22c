"""Errors of the packages below as one line: what in the config, the data or the machine they come from."""

import re
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from mmseg import registry as seg
from torch import distributed

from ..components import arguments, component
from ..errors import one_line, printable
from ..fileio.whole_files import FULL

REGISTRIES = (
    *(seg.DATASETS, seg.MODELS, seg.TRANSFORMS, seg.METRICS, seg.HOOKS, seg.VISUALIZERS, seg.VISBACKENDS, seg.DATA_SAMPLERS),
    *(seg.OPTIMIZERS, seg.OPTIM_WRAPPERS, seg.OPTIM_WRAPPER_CONSTRUCTORS, seg.PARAM_SCHEDULERS, seg.LOOPS, seg.LOG_PROCESSORS),
)


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
    said = one_line(error)
    if said is not None:
        return said
    if isinstance(error, TypeError):
        return explain_type_error(error)
    if isinstance(error, OSError) and error.errno in FULL:
        return f'a file could not be written: {error.strerror}. Make room, and start again with --resume if it was a training'
    if isinstance(error, NotImplementedError):  # of an OpenMMLab package: what it cannot combine
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

"""Configs whose training counts iterations (``IterBasedTrainLoop``): what else of them counts epochs, and has to follow."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import IterBasedTrainLoop
from mmseg.registry import DATA_SAMPLERS, LOOPS, PARAM_SCHEDULERS

from ..components import component, is_a
from ..datasets import ViewSampler
from ..errors import ConfigError

# Schedules that last as long as the training does, if they are not told otherwise: nothing in them is a number of epochs.
_AS_LONG = ('CosineAnnealing', 'Poly', 'Linear', 'Constant')
_SETTLED = ('ReduceOnPlateau',)  # counts validations


def counts_iterations(train_cfg: dict[str, Any]) -> bool:
    """Whether a ``train_cfg`` makes a loop that counts iterations."""
    kind = train_cfg.get('type')
    if kind is None:
        return not train_cfg.get('by_epoch', True)
    return is_a(train_cfg, IterBasedTrainLoop, LOOPS)


def follow_iterations(cfg: Config) -> None:
    """Have schedules, sampler and log of a config count iterations if its training does; changes it in place.

    mmengine would take such a training for one epoch as long as the data set, so that ``convert_to_iter_based`` ends after a pass through
    it, and plot each validation at epoch 0.

    Raises:
        ConfigError: If a schedule has numbers of epochs, which cannot be iterations.
    """
    train = cfg.get('train_cfg')
    if not train or not counts_iterations(train):
        return
    if 'max_epochs' in train:
        raise ConfigError(
            f'train_cfg counts iterations and has max_epochs={train.max_epochs}, of the config that it inherits from perhaps; write '
            "train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=N, val_interval=N)"
        )
    followed = []
    for name, schedule in each_schedule(cfg.get('param_scheduler')):
        if schedule.get('by_epoch', True) and not schedule_name(schedule).startswith(_SETTLED):
            _count_iterations(name, schedule)
            followed.append(f'{name} ({schedule_name(schedule)})')
    sampler = (cfg.get('train_dataloader') or {}).get('sampler') or {}
    if component(sampler.get('type'), DATA_SAMPLERS) is ViewSampler:
        sampler['type'] = 'InfiniteViewSampler'
        followed.append('train_dataloader.sampler')
    log, logger = cfg.get('log_processor') or {}, (cfg.get('default_hooks') or {}).get('logger') or {}
    for node, key in ((log, 'by_epoch'), (logger, 'log_metric_by_epoch')):
        if node.get(key):
            node[key] = False
    if followed:
        print_log(f'train_cfg counts iterations: so do {", ".join(followed)}', logger='current')


def schedule_name(schedule: dict[str, Any]) -> str:
    """Name of the class of a schedule's config."""
    return getattr(component(schedule['type'], PARAM_SCHEDULERS), '__name__', str(schedule['type']))


def each_schedule(node: Any, name: str = 'param_scheduler') -> Iterator[tuple[str, dict[str, Any]]]:
    """Name in the config, and config, of each schedule of a ``param_scheduler``: of one optimizer or several."""
    if isinstance(node, dict) and 'type' in node:
        yield name, node
    elif node:
        for key, below in node.items() if isinstance(node, dict) else enumerate(node):
            yield from each_schedule(below, f'{name}[{key!r}]')


def _count_iterations(name: str, schedule: dict[str, Any]) -> None:
    fixed = [key for key in ('begin', 'end', 'T_max', 'milestones', 'step_size', 'periods', 'total_steps') if schedule.get(key)]
    if fixed or not schedule_name(schedule).startswith(_AS_LONG):
        counted = ', '.join(f'{key}={schedule[key]}' for key in fixed) or 'an epoch is its step'
        raise ConfigError(
            f'{name}: this {schedule_name(schedule)} counts epochs ({counted}), train_cfg counts iterations; write by_epoch=False, without '
            'convert_to_iter_based, and its numbers in iterations'
        )
    schedule['by_epoch'] = False
    schedule.pop('convert_to_iter_based', None)

"""What a resumed training does with the checkpoint's optimizer options and schedules: the config's hold, from this step on."""

import inspect
import math
import warnings
from pathlib import Path
from typing import Any

from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler

from ..errors import CheckpointError

_PROGRESS = {'last_step', '_global_step', '_last_value', 'verbose', 'base_values'}
_PLATEAU = {
    'best',
    'num_bad_epochs',
    'cooldown_counter',
}  # what a schedule that looks at a metric has seen, which only the checkpoint knows
_FLAGS = {'foreach', 'maximize', 'capturable', 'differentiable', 'fused', 'decoupled_weight_decay'}  # that some versions of torch have
_OF_ONE_KIND = {'amsgrad', 'momentum_decay', 'alpha', 'centered', 'dampening', 'nesterov', 'rho', 'lr_decay', 'lambd', 'etas', 'step_sizes'}
_WORDS = {'lr': 'learning rate'}
_LIFE = {'begin', 'end'}  # of such a one, which stops with the training


def named(found: Any) -> dict[str, Any]:
    """Something of each optimizer by the optimizer's name, ``''`` if there is one."""
    return dict(found.items()) if isinstance(found, (dict, OptimWrapperDict)) else {'': found}


def replay(schedulers: list[_ParamScheduler], epochs: int, steps: int) -> None:
    """Bring new schedules to where a training from the start has them.

    Each value of a schedule is computed from the one before (``CosineAnnealingLR`` ...) and several are chained, so the steps are
    taken one by one, in the order of a training.

    Args:
        schedulers (list[_ParamScheduler]): Those of one optimizer, as they were built.
        epochs (int): Epochs that are done.
        steps (int): Iterations that are done.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that the optimizer has not stepped
        for epoch in range(max(epochs, 1)):
            for _ in range(epoch * steps // max(epochs, 1), (epoch + 1) * steps // max(epochs, 1)):
                for scheduler in schedulers:
                    if not scheduler.by_epoch:
                        scheduler.step()
            for scheduler in schedulers if epochs else ():
                if scheduler.by_epoch:
                    scheduler.step()


def _same(first: Any, second: Any) -> bool:
    if callable(first) or callable(second):
        return getattr(first, '__name__', None) == getattr(second, '__name__', None)
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return first == second or math.isclose(first, second, rel_tol=1e-9)  # another machine's cosine
    return type(first) is type(second) and first == second


def _definition(state: dict[str, Any]) -> dict[str, Any]:
    plateau = _PLATEAU <= state.keys()
    return {name: value for name, value in state.items() if name not in _PROGRESS | (_PLATEAU | _LIFE if plateau else set())}


def _shown(value: Any) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)[:40]


def _base(group: dict[str, Any], name: str) -> Any:
    return group.get(f'initial_{name}', group.get(name))


class ResumedSchedule:
    """The schedules and options of one optimizer, as the config has them after so many steps.

    Made before the checkpoint's optimizer is loaded, which overwrites them; :meth:`settle` compares and decides afterwards.

    Args:
        wrapper (OptimWrapper): The optimizer, new.
        schedulers (list[_ParamScheduler]): Its schedules, new.
        epochs (int): Epochs that are done.
        steps (int): Iterations that are done, counted as this training counts them.
    """

    def __init__(self, wrapper: OptimWrapper, schedulers: list[_ParamScheduler], epochs: int, steps: int) -> None:
        self.wrapper = wrapper
        self.schedulers = schedulers
        self.scheduled = list(dict.fromkeys(['lr', *(scheduler.param_name for scheduler in schedulers)]))
        replay(schedulers, epochs, steps)
        optimizer = wrapper.optimizer
        arguments = inspect.signature(type(optimizer).__init__).parameters
        self.groups = [
            # not what an optimizer keeps in its groups for itself, such as D-Adaptation's estimate
            {name: value for name, value in group.items() if name != 'params' and (name in arguments or name not in optimizer.defaults)}
            for group in wrapper.param_groups
        ]

    def settle(self, states: Any, path: str | Path) -> list[str]:
        """Decide between the checkpoint's values, which the optimizer has now, and the config's.

        Nothing is touched if the schedules and their base are the checkpoint's.  Otherwise each value becomes the one that this config
        has at this step when it is trained from the start.

        Args:
            states (list, optional): The checkpoint's states of the schedules.
            path (str | Path): The checkpoint, for messages.

        Returns:
            list[str]: What differs, in words.

        Raises:
            CheckpointError: If a schedule that depends on past metrics would have to be made anew.
        """
        loaded = self.wrapper.param_groups
        states = [state if isinstance(state, dict) else {} for state in (states if isinstance(states, list) else [])]
        said = self._settle_options(loaded)
        before = dict(loaded[0])
        changed = self._changed(states)
        rebased = self._rebased(loaded)
        plateau = [scheduler for scheduler in self.schedulers if getattr(scheduler, 'need_val_args', False)]
        if plateau and changed:
            raise CheckpointError(
                f'{path} cannot be continued with another schedule ({changed}): its {type(plateau[0]).__name__} has lowered the '
                'learning rate by what it saw in past validations; leave param_scheduler as it was'
            )
        if plateau:
            self._take_past(states, path)
            for group, new in zip(loaded, self.groups):
                for name in self.scheduled if rebased else ():
                    old, base = _base(group, name), _base(new, name)
                    if old and base is not None:
                        group.update({name: group[name] * base / old, f'initial_{name}': base})
        elif changed or rebased:
            for group, new in zip(loaded, self.groups):
                group.update(new)
        if changed or rebased:
            now = ', '.join(
                f'{_WORDS.get(name, name)} from here on {_shown(loaded[0].get(name))}, where the checkpoint has {_shown(before.get(name))}'
                for name in self.scheduled
            )
            said.append(f'{now} ({"; ".join(part for part in (rebased, changed) if part)})')
        for scheduler in self.schedulers:
            scheduler._last_value = [group[scheduler.param_name] for group in loaded]
        return said

    def check_kind(self, groups: Any, path: str | Path) -> None:
        """Refuse parameter groups that another kind of optimizer has made.

        Args:
            groups (Any): ``param_groups`` of the optimizer in the checkpoint.
            path (str | Path): The checkpoint, for the message.
        """
        optimizer = self.wrapper.optimizer
        own = optimizer.defaults.keys() - _FLAGS
        for group in groups if isinstance(groups, list) else ():
            if not isinstance(group, dict):
                continue  # torch says what is wrong
            missing = sorted(own - group.keys())
            foreign = sorted(_OF_ONE_KIND & group.keys() - own)
            if missing or foreign:
                differ = ', '.join([*(f'no {name}' for name in missing), *foreign])
                raise CheckpointError(
                    f'{path} cannot be continued: its optimizer is no {type(optimizer).__name__} ({differ}); take the optimizer that it '
                    'was trained with, or start from its weights with --cfg-options load_from=FILE'
                )

    def _rebased(self, loaded: list[dict[str, Any]]) -> str:
        """Which values from which the schedules start are not as in the checkpoint, in words."""
        found: dict[str, str] = {}
        for group, new in zip(loaded, self.groups):
            for name in self.scheduled:
                old, base = _base(group, name), _base(new, name)
                if not _same(old, base):
                    found.setdefault(name, f'its base {_shown(old)} -> {_shown(base)}')
        return '; '.join(found.values())

    def _settle_options(self, loaded: list[dict[str, Any]]) -> list[str]:
        """Take the config's options of the optimizer (weight decay, betas ...) that are not scheduled."""
        arguments = inspect.signature(type(self.wrapper.optimizer).__init__).parameters
        found: dict[str, str] = {}
        for group, new in zip(loaded, self.groups):
            for name in new.keys() & arguments.keys() - set(self.scheduled):
                if not _same(group.get(name), new[name]):
                    found.setdefault(name, f'{name} {_shown(group.get(name))} -> {_shown(new[name])}')
                    group[name] = new[name]
        return list(found.values())

    def _changed(self, states: list[dict[str, Any]]) -> str:
        """What of the schedules is not as in the checkpoint, in words; '' if nothing."""
        own = [scheduler.state_dict() for scheduler in self.schedulers]
        if len(own) != len(states):
            return f'{len(states)} schedule(s) -> {len(own)}'
        found = []
        for scheduler, new, old in zip(self.schedulers, own, states):
            new_names, old_names = _definition(new), _definition(old)
            differ = [name for name in new_names if name not in old_names or not _same(new_names[name], old_names[name])]
            if new_names.keys() != old_names.keys():
                found.append(f'{type(scheduler).__name__} instead of another schedule')
            elif differ:
                found += [f'{name} {_shown(old_names[name])} -> {_shown(new_names[name])}' for name in differ]
            elif old.get('_global_step') != new['_global_step']:
                found.append(f'step {_shown(old.get("_global_step"))} -> {new["_global_step"]} of the schedule')
        return ', '.join(found)

    def _take_past(self, states: list[dict[str, Any]], path: str | Path) -> None:
        for scheduler, state in zip(self.schedulers, states):
            for name in _PLATEAU | {'last_step'} if getattr(scheduler, 'need_val_args', False) else ():
                if type(state.get(name)) not in (int, float):
                    raise CheckpointError(f'{path} cannot be continued: {name} of its {type(scheduler).__name__} is no number')
                setattr(scheduler, name, state[name])

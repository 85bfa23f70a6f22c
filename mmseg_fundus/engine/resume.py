"""Going on with a training from a checkpoint that may hold anything: checked before a step is trained."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import EarlyStoppingHook, EMAHook
from mmengine.logging import HistoryBuffer
from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from ..errors import CheckpointError, FundusError
from ..models.checkpoints import load_from_anywhere
from .console import ConsoleRunner
from .resumed_schedule import ResumedSchedule, named
from .settings import changed_settings, flat_settings

MOST = 10**12  # steps or epochs of any training


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and math.isfinite(value)


def _unfit_curves(hub: Any) -> list[Any]:
    """Names of curves that mmengine would go on with and cannot."""
    curves = hub.get('log_scalars') if isinstance(hub, dict) else None
    if not isinstance(curves, dict):
        return []
    return [
        name for name, curve in curves.items() if not isinstance(name, str) or isinstance(curve, HistoryBuffer) and not len(curve.data[0])
    ]


def check_resumable(found: dict[str, Any], path: str | Path) -> None:
    """Refuse a checkpoint whose account of the training so far cannot be one.

    Raises:
        CheckpointError: Naming what is wrong.
    """
    meta, hub = found.get('meta'), found.get('message_hub')
    meta = meta if isinstance(meta, dict) else {}
    info = hub.get('runtime_info') if isinstance(hub, dict) else None
    training = meta.get('training', {})
    wrong = [f'meta.{name} is {meta.get(name)!r:.60}, a count was expected' for name in ('epoch', 'iter') if not _count(meta.get(name))]
    if not (meta.get('seed') is None or _count(meta['seed'])):
        wrong.append(f'meta.seed is {meta["seed"]!r:.60}, a number was expected')
    if not isinstance(training, dict) or not (training.get('seconds') is None or _number(training['seconds'])):
        wrong.append('meta.training is no account of a training')
    if not isinstance(info, dict):
        wrong.append('message_hub.runtime_info is missing')
    elif not (info.get('best_score') is None or _number(info['best_score'])):
        wrong.append(f'message_hub.runtime_info.best_score is {info["best_score"]!r:.60}, a number was expected')
    wrong += [f'message_hub.log_scalars has no values of {str(name)[:60]!r}' for name in _unfit_curves(hub)]
    if 'optimizer' not in found:
        wrong.append('optimizer is missing (a best_*, published or exported file has none)')
    elif not isinstance(found['optimizer'], dict):
        wrong.append(f'optimizer is a {type(found["optimizer"]).__name__}, a dict was expected')
    if wrong:
        raise CheckpointError(
            f'{path} cannot be continued: {"; ".join(wrong)}. Name an epoch_N.pth or iter_N.pth of a training, or start from it anew '
            'with --cfg-options load_from=FILE'
        )


class ResumingRunner(ConsoleRunner):
    """mmengine's runner; where a resumed training differs from the checkpoint's the config holds, and it is said.

    A resumed training is the config's from the start, with the checkpoint's weights, moments, averages and counts: learning rate and
    whatever is scheduled have the values that this config has at this point, not those that the checkpoint's had.  What cannot be so
    is an error that names the checkpoint.
    """

    optim_wrapper: OptimWrapper | OptimWrapperDict
    param_schedulers: list[_ParamScheduler] | dict[str, list[_ParamScheduler]] | None

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: str | Callable[..., Any] = 'default',
    ) -> None:
        """As :meth:`mmengine.runner.Runner.resume`; raises :class:`CheckpointError`."""
        found = load_from_anywhere(filename)
        check_resumable(found, filename)
        self._check_hooks(found, filename)
        self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
        if self.param_schedulers is not None:
            self.param_schedulers = self.build_param_scheduler(self.param_schedulers)
        epoch, step = self._position(found['meta'], filename)
        schedules = named(self.param_schedulers if self.param_schedulers is not None else [])
        done = min(epoch, self.max_epochs), min(step, self.max_iters)  # what is beyond the end is not trained
        planned = {name: ResumedSchedule(wrapper, schedules.get(name, []), *done) for name, wrapper in named(self.optim_wrapper).items()}
        for name, schedule in planned.items():
            state = found['optimizer'].get(name) if name else found['optimizer']
            schedule.check_kind(state.get('param_groups') if isinstance(state, dict) else None, filename)
        try:
            super().resume(filename, resume_optimizer, False, map_location)
        except FundusError as error:
            raise error if str(filename) in str(error) else CheckpointError(f'{filename} cannot be continued: {error}') from error
        except Exception as error:
            reason = f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
            raise CheckpointError(f'{filename} cannot be continued with this config ({reason})') from error
        self.train_loop._epoch, self.train_loop._iter = epoch, step
        said = []
        for name, schedule in planned.items():
            self._check_moments(schedule.wrapper, filename)
            states = named(found.get('param_schedulers') or []).get(name)
            said += [f'{name}: {line}' if name else line for line in schedule.settle(states, filename)]
        if step != found['meta']['iter']:
            said.append(
                f'{found["meta"]["iter"]} steps are done, which are {step} of this training (an epoch has {len(self.train_dataloader)})'
            )
        changed = changed_settings(flat_settings(self.cfg.to_dict()), found['meta'].get('settings'))
        said += [f'settings that are not those of the checkpoint, and hold from here on: {changed}'] if changed else []
        for line in said:
            self.logger.warning(f'{filename} is resumed: {line}')
        self._say_if_through(filename)

    def _position(self, meta: dict[str, Any], path: str) -> tuple[int, int]:
        """Epochs and steps that are done, counted as this training counts them."""
        epoch, step, loop = meta['epoch'], meta['iter'], self.train_loop
        if isinstance(loop, IterBasedTrainLoop):
            return 0, step
        if not isinstance(loop, EpochBasedTrainLoop):
            return epoch, step
        if step and not epoch:
            raise CheckpointError(
                f'{path} cannot be continued: its training counted iterations ({step} are done), train_cfg of this config counts epochs; '
                'take an IterBasedTrainLoop, or start from its weights with --cfg-options load_from=FILE'
            )
        return epoch, epoch * len(self.train_dataloader)

    def _check_hooks(self, found: dict[str, Any], path: str) -> None:
        if 'ema_state_dict' in found and not any(isinstance(hook, EMAHook) for hook in self.hooks):
            raise CheckpointError(
                f'{path} cannot be continued without an EMAHook: its weights are averages that one made, which the optimizer knows nothing '
                'of. Put it back into custom_hooks, or start from the averages with --cfg-options load_from=FILE'
            )
        if any(isinstance(hook, EarlyStoppingHook) for hook in self.hooks):
            self.logger.warning(f'{path} is resumed: EarlyStoppingHook counts anew, mmengine keeps its patience in no checkpoint')

    def _say_if_through(self, path: str) -> None:
        if isinstance(self.train_loop, IterBasedTrainLoop):
            done, most, words = self.iter, self.max_iters, 'iterations, train_cfg.max_iters is {}'
        else:
            done, most, words = self.epoch, self.max_epochs, 'epochs, train_cfg.max_epochs is {} (--epochs)'
        if done >= most:
            self.logger.warning(f'nothing to train: {path} has {done} {words.format(most)}')

    @staticmethod
    def _check_moments(wrapper: OptimWrapper, filename: str) -> None:
        for parameter, state in wrapper.optimizer.state.items():
            for name, value in state.items():
                shaped = isinstance(value, torch.Tensor) and value.ndim > 0
                if (
                    shaped
                    and (value.shape != parameter.shape or not torch.isfinite(value).all())
                    or not isinstance(value, (torch.Tensor, int, float, bool, type(None)))
                ):
                    raise CheckpointError(f"{filename} cannot be continued: the optimizer's {name} does not fit its parameter, or is NaN")

"""Going on with a training from a checkpoint that may hold anything: checked before a step is trained."""

import math

import torch

from ..errors import CheckpointError, FundusError
from ..models.checkpoints import load_from_anywhere
from .console import ConsoleRunner

MOST = 10**12  # steps or epochs of any training


def _count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_resumable(found: dict, path) -> None:
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
    for name in ('optimizer', 'param_schedulers'):
        if name not in found:
            wrong.append(f'{name} is missing (a best_* or exported file has none)')
    if wrong:
        raise CheckpointError(
            f'{path} cannot be continued: {"; ".join(wrong)}. Name an epoch_N.pth of a training, or start from it anew '
            'with --cfg-options load_from=FILE'
        )


class ResumingRunner(ConsoleRunner):
    """mmengine's runner; a checkpoint that it cannot go on with is an error that names it."""

    def resume(self, filename, *args, **kwargs) -> None:
        """As :meth:`mmengine.runner.Runner.resume`; raises :class:`CheckpointError`."""
        found = load_from_anywhere(filename)
        check_resumable(found, filename)
        states, schedules = found['param_schedulers'], self.param_schedulers
        if isinstance(schedules, list):
            known = [set(schedule.state_dict()) for schedule in schedules]
            if (
                not isinstance(states, list)
                or len(states) != len(known)
                or not all(isinstance(state, dict) and set(state) <= names for state, names in zip(states, known))
            ):
                raise CheckpointError(f'{filename} cannot be continued: its learning rate schedules are not those of the config')
        try:
            super().resume(filename, *args, **kwargs)
        except FundusError:
            raise
        except Exception as error:
            reason = f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
            raise CheckpointError(f'{filename} cannot be continued with this config ({reason})') from error
        self._check_optimizer(filename)
        if self.epoch >= self.max_epochs:
            self.logger.warning(
                f'nothing to train: {filename} has {self.epoch} epochs, train_cfg.max_epochs is {self.max_epochs} (--epochs)'
            )

    def _check_optimizer(self, filename) -> None:
        optimizer = getattr(self.optim_wrapper, 'optimizer', None)
        for parameter, state in getattr(optimizer, 'state', {}).items():
            for name, value in state.items():
                shaped = isinstance(value, torch.Tensor) and value.ndim > 0
                if (
                    shaped
                    and (value.shape != parameter.shape or not torch.isfinite(value).all())
                    or not isinstance(value, (torch.Tensor, int, float, bool, type(None)))
                ):
                    raise CheckpointError(f"{filename} cannot be continued: the optimizer's {name} does not fit its parameter, or is NaN")

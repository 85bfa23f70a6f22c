import math
import re
from bisect import bisect
from glob import escape
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import HOOKS

from ..errors import ConfigError
from ..fileio.whole_files import remove_leftovers, write_whole
from ..models.encoders.contract import encoder_in
from .metric_rules import rule_of
from .settings import flat_settings
from .work_folder import move_aside, numbered_checkpoints, occupy


@HOOKS.register_module()
class VesselCheckpointHook(Hook):
    """Periodic checkpoints, the best one, and the last, each whole or not there.

    Differs from mmengine's ``CheckpointHook``: a file is written under another name and renamed; an old one is deleted after its
    successor is in place; an epoch that is validated is saved after its validation, so that a resumed training knows that score.

    Files in the work folder: ``epoch_N.pth``, ``best_<metric>_epoch_N.pth`` (without optimizer), ``last_checkpoint`` (the name of
    the newest ``epoch_N.pth``); of a training that counts iterations ``iter_N.pth``, ``best_<metric>_iter_N.pth``.  What an earlier
    training left there is moved to ``before_<start time>``: all of it, or if it is resumed, what comes after the resumed epoch.  A second
    training in a work folder that one is writing into is refused.

    Args:
        interval (int, optional): Epochs (iterations) between periodic checkpoints; 5 epochs or 1000 iterations.  The last is always saved.
        max_keep_ckpts (int): How many ``epoch_N.pth`` stay; -1 for all.
        save_best (str, optional): Validation metric whose best epoch is kept.
        rule (str, optional): ``'greater'`` or ``'less'`` is better; by the metric's name, as mmengine's hooks derive it.
        slim (bool): Leave a frozen encoder out, which is in its weights file; its fingerprint and origin are kept.
        by_epoch (bool, optional): Whether ``interval`` counts epochs: as ``train_cfg`` does, which need not be said.
    """

    priority = 'VERY_LOW'
    out_dir = None  # mmengine prints it

    def __init__(
        self,
        interval: int | None = None,
        max_keep_ckpts: int = 3,
        save_best: str | None = 'Dice',
        rule: str | None = None,
        slim: bool = True,
        by_epoch: bool | None = None,
    ) -> None:
        if interval is not None and (not isinstance(interval, int) or interval < 1):
            raise ConfigError(f'VesselCheckpointHook: interval={interval!r} must be 1 epoch (iteration) or more')
        if rule not in (None, 'greater', 'less'):
            raise ConfigError(f"VesselCheckpointHook: rule={rule!r} must be 'greater' or 'less'")
        if max_keep_ckpts == 0 or max_keep_ckpts < -1:
            raise ConfigError(f'VesselCheckpointHook: max_keep_ckpts={max_keep_ckpts} must be 1 or more, or -1 for all')
        self.interval = interval
        self.max_keep_ckpts = max_keep_ckpts
        self.save_best = save_best
        self.rule = rule or (rule_of(save_best) if save_best else None)
        self.slim = slim
        self.by_epoch = by_epoch
        self._lock: TextIO | None = None
        self._every: int  # interval, once it is known what is counted
        self._kind = ''  # 'epoch' or 'iter', from the start of the training to its end
        self._saved: int | None = None  # number of the newest periodic checkpoint of this training

    def before_train(self, runner: Runner) -> None:
        counted = not isinstance(runner.train_loop, IterBasedTrainLoop)
        if self.by_epoch not in (None, counted):
            raise ConfigError(
                f'VesselCheckpointHook: by_epoch={self.by_epoch}, but {type(runner.train_loop).__name__} counts '
                f'{"epochs" if counted else "iterations"}; leave by_epoch out, interval counts what train_cfg counts'
            )
        self._kind = 'epoch' if counted else 'iter'
        self._every = self.interval = self.interval or (5 if counted else 1000)
        self._check_best(runner)
        if not is_main_process():
            return
        folder = Path(runner.work_dir)
        self._lock = occupy(folder)
        remove_leftovers(folder)
        done = dict(epoch=runner.epoch, iter=runner.iter)
        # mmengine finds the last
        resumed = Path(runner._load_from or folder / f'{self._kind}_{done[self._kind]}.pth') if runner._resume else None
        aside, moved = move_aside(folder, resumed, done, runner.timestamp)
        if moved:
            hint = f'what follows {self._kind} {done[self._kind]} is trained anew' if resumed else '--resume would have continued it'
            runner.logger.warning(f'{len(moved)} checkpoints of an earlier training were moved to {aside} ({hint})')

    def _check_best(self, runner: Runner) -> None:
        """Forget a best score that is of another metric; say so if none will be known."""
        loop, info = runner.train_loop, runner.message_hub.runtime_info
        most = loop.max_epochs if self._kind == 'epoch' else loop.max_iters
        if self.save_best and (runner.val_loop is None or loop.val_begin > most):
            runner.logger.warning(f'there is no validation in this training: no best_{self.save_best} checkpoint will be kept')
        wanted = f'{self.save_best} ({self.rule})'
        stock = re.match(r'best_(.+)_(?:epoch|iter)_\d+\.pth', Path(str(info.get('best_ckpt', ''))).name)  # of mmengine's hook
        known = info.get('best_score_of') or (f'{stock.group(1)} ({self.rule})' if stock else wanted)
        if 'best_score' in info and known != wanted:
            runner.logger.warning(f'the best score of the resumed checkpoint is of {known}, this training looks for the best {wanted}')
            info.pop('best_score')
        runner.message_hub.update_info('best_score_of', wanted)

    def after_train(self, runner: Runner) -> None:
        number = getattr(runner, self._kind)
        if self._saved is not None and self._saved != number:  # ended early, by EarlyStoppingHook
            self._save_periodic(runner, number, last=True)
        self._kind = ''
        if self._lock is not None:
            self._lock.close()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        checkpoint.update({part: _without_numpy(checkpoint[part]) for part in ('message_hub', 'param_schedulers') if part in checkpoint})
        model = getattr(runner.model, 'module', runner.model)
        checkpoint['meta']['settings'] = flat_settings(runner.cfg.to_dict())
        source = encoder_in(model).source
        if source is not None:
            checkpoint['meta']['encoder'] = dict(file=source.path, sha256=source.sha256, layout=source.layout)
        hub = checkpoint['message_hub']
        hub['log_scalars'] = {}  # curves are in the events; what is left needs no pickle
        hub['resumed_keys'] = {key: kept for key, kept in hub.get('resumed_keys', {}).items() if key in hub.get('runtime_info', {})}
        if self.slim and hasattr(model, 'slim_state_dict'):
            whole = checkpoint['state_dict']
            checkpoint['state_dict'] = model.slim_state_dict(whole)
            left_out = {f'module.{name}' for name in whole.keys() - checkpoint['state_dict'].keys()}
            if checkpoint.get('ema_state_dict'):  # of mmengine's EMAHook
                averaged = checkpoint['ema_state_dict'].items()
                checkpoint['ema_state_dict'] = {name: tensor for name, tensor in averaged if name not in left_out}

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None, outputs: dict[str, Any] | None = None
    ) -> None:
        if self._kind == 'iter':
            self._after_trained(runner, runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        if self._kind == 'epoch':
            self._after_trained(runner, runner.epoch + 1)

    def _after_trained(self, runner: Runner, number: int) -> None:
        self._saved = self._saved or 0  # something was trained
        if not self._validates(runner, number):
            self._save_periodic(runner, number)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, Any] | None = None) -> None:
        if not self._kind:  # a validation alone
            return
        number = getattr(runner, self._kind)
        if self.save_best:
            self._save_best(runner, metrics or {}, number)
        self._save_periodic(runner, number)

    def _last(self, runner: Runner) -> int:
        return runner.max_epochs if self._kind == 'epoch' else runner.max_iters

    def _validates(self, runner: Runner, number: int) -> bool:
        loop = runner.train_loop
        if runner.val_loop is None or number < loop.val_begin:
            return False
        interval = loop.dynamic_intervals[bisect(loop.dynamic_milestones, number + 1) - 1]  # the loop's, after this hook
        return number % interval == 0 or number == self._last(runner)

    def _save_best(self, runner: Runner, metrics: dict[str, Any], number: int) -> None:
        if self.save_best not in metrics:
            raise ConfigError(f'VesselCheckpointHook: save_best={self.save_best!r} is no validation metric; there are {", ".join(metrics)}')
        score = float(metrics[self.save_best])
        best = runner.message_hub.runtime_info.get('best_score', -math.inf if self.rule == 'greater' else math.inf)
        if not (score > best if self.rule == 'greater' else score < best):  # nan is never better
            return
        runner.message_hub.update_info('best_score', score)
        begin = f'best_{self.save_best}_{self._kind}_'.replace('/', '_')
        name = f'{begin}{number}.pth'
        self._write(runner, name, number, optimizer=False)
        if is_main_process():
            for old in Path(runner.work_dir).glob(f'{escape(begin)}*.pth'):
                if old.name != name:
                    old.unlink()
        runner.logger.info(f'best {self.save_best} so far, {score:.4f}, after {self._kind} {number}: {name}')

    def _save_periodic(self, runner: Runner, number: int, last: bool = False) -> None:
        if number % self._every and number != self._last(runner) and not last:
            return
        self._saved = number
        name = f'{self._kind}_{number}.pth'
        self._write(runner, name, number, optimizer=True)
        if not is_main_process():
            return
        folder = Path(runner.work_dir)
        write_whole(folder / 'last_checkpoint', lambda path: path.write_text(str(folder / name)))
        if self.max_keep_ckpts > 0:
            for old in numbered_checkpoints(folder, self._kind)[: -self.max_keep_ckpts]:
                old.unlink()

    @master_only
    def _write(self, runner: Runner, name: str, number: int, optimizer: bool) -> None:
        folder = Path(runner.work_dir)
        # between the end of an epoch (iteration) and the loop's own count
        meta = dict(epoch=number, iter=runner.iter) if self._kind == 'epoch' else dict(epoch=0, iter=number)
        write_whole(
            folder / name,
            lambda temporary: runner.save_checkpoint(
                str(folder), temporary.name, save_optimizer=optimizer, save_param_scheduler=optimizer, meta=dict(meta)
            ),
        )


def _without_numpy(value: Any) -> Any:
    """``value`` with Python's numbers in place of numpy's, which ``torch.load`` refuses."""
    if isinstance(value, dict):
        return type(value)((key, _without_numpy(item)) for key, item in value.items())
    if isinstance(value, list):
        return [_without_numpy(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value

import math
from pathlib import Path

import numpy as np
from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ..errors import ConfigError
from ..files import remove_leftovers, write_whole
from ..models.encoder import find_encoder
from .metric_rules import rule_of
from .work_folder import epoch_checkpoints, move_aside, occupy


@HOOKS.register_module()
class VesselCheckpointHook(Hook):
    """Periodic checkpoints, the best one, and the last, each whole or not there.

    Differs from mmengine's ``CheckpointHook``: a file is written under another name and renamed; an old one is deleted after its
    successor is in place; an epoch that is validated is saved after its validation, so that a resumed training knows that score.

    Files in the work folder: ``epoch_N.pth``, ``best_<metric>_epoch_N.pth`` (without optimizer), ``last_checkpoint`` (the name of
    the newest ``epoch_N.pth``).  What an earlier training left there is moved to ``before_<start time>``: all of it, or if it is resumed,
    what comes after the resumed epoch.  A second training in a work folder that one is writing into is refused.

    Args:
        interval (int): Epochs between periodic checkpoints; the last epoch is always saved.
        max_keep_ckpts (int): How many ``epoch_N.pth`` stay; -1 for all.
        save_best (str, optional): Validation metric whose best epoch is kept.
        rule (str, optional): ``'greater'`` or ``'less'`` is better; by the metric's name, as mmengine's hooks derive it.
        slim (bool): Leave a frozen encoder out, which is in its weights file; its fingerprint and origin are kept.
    """

    priority = 'VERY_LOW'
    out_dir = None  # mmengine prints it

    def __init__(self, interval=5, max_keep_ckpts=3, save_best='Dice', rule=None, slim=True):
        if not isinstance(interval, int) or interval < 1:
            raise ConfigError(f'VesselCheckpointHook: interval={interval!r} must be 1 epoch or more')
        if rule not in (None, 'greater', 'less'):
            raise ConfigError(f"VesselCheckpointHook: rule={rule!r} must be 'greater' or 'less'")
        if max_keep_ckpts == 0 or max_keep_ckpts < -1:
            raise ConfigError(f'VesselCheckpointHook: max_keep_ckpts={max_keep_ckpts} must be 1 or more, or -1 for all')
        self.interval = interval
        self.max_keep_ckpts = max_keep_ckpts
        self.save_best = save_best
        self.rule = rule or (rule_of(save_best) if save_best else None)
        self.slim = slim
        self._lock = None

    def before_train(self, runner) -> None:
        if not is_main_process():
            return
        folder = Path(runner.work_dir)
        self._lock = occupy(folder)
        remove_leftovers(folder)
        resumed = Path(runner._load_from or folder / f'epoch_{runner.epoch}.pth') if runner._resume else None  # mmengine finds the last
        aside, moved = move_aside(folder, resumed, runner.epoch, runner.timestamp)
        if moved:
            hint = f'what follows epoch {runner.epoch} is trained anew' if resumed else '--resume would have continued it'
            runner.logger.warning(f'{len(moved)} checkpoints of an earlier training were moved to {aside} ({hint})')

    def after_train(self, runner) -> None:
        if self._lock is not None:
            self._lock.close()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint.update({part: _without_numpy(checkpoint[part]) for part in ('message_hub', 'param_schedulers') if part in checkpoint})
        model = getattr(runner.model, 'module', runner.model)
        source = getattr(find_encoder(model.backbone), 'source', None) if hasattr(model, 'backbone') else None
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

    def after_train_epoch(self, runner) -> None:
        epoch = runner.epoch + 1
        if not self._validates(runner, epoch):
            self._save_periodic(runner, epoch)

    def after_val_epoch(self, runner, metrics=None) -> None:
        if self.save_best:
            self._save_best(runner, metrics or {})
        self._save_periodic(runner, runner.epoch)

    @staticmethod
    def _validates(runner, epoch: int) -> bool:
        loop = runner.train_loop
        return runner.val_loop is not None and epoch >= loop.val_begin and (epoch % loop.val_interval == 0 or epoch == loop.max_epochs)

    def _save_best(self, runner, metrics: dict) -> None:
        if self.save_best not in metrics:
            raise ConfigError(f'VesselCheckpointHook: save_best={self.save_best!r} is no validation metric; there are {", ".join(metrics)}')
        score = float(metrics[self.save_best])
        best = runner.message_hub.runtime_info.get('best_score', -math.inf if self.rule == 'greater' else math.inf)
        if not (score > best if self.rule == 'greater' else score < best):  # nan is never better
            return
        runner.message_hub.update_info('best_score', score)
        name = f'best_{self.save_best}_epoch_{runner.epoch}.pth'.replace('/', '_')
        self._write(runner, name, runner.epoch, optimizer=False)
        if is_main_process():
            for old in Path(runner.work_dir).glob(f'best_{self.save_best}_epoch_*.pth'.replace('/', '_')):
                if old.name != name:
                    old.unlink()
        runner.logger.info(f'best {self.save_best} so far, {score:.4f}, after epoch {runner.epoch}: {name}')

    def _save_periodic(self, runner, epoch: int) -> None:
        if epoch % self.interval and epoch != runner.max_epochs:
            return
        name = f'epoch_{epoch}.pth'
        self._write(runner, name, epoch, optimizer=True)
        if not is_main_process():
            return
        folder = Path(runner.work_dir)
        write_whole(folder / 'last_checkpoint', lambda path: path.write_text(str(folder / name)))
        if self.max_keep_ckpts > 0:
            for old in epoch_checkpoints(folder)[: -self.max_keep_ckpts]:
                old.unlink()

    @master_only
    def _write(self, runner, name: str, epoch: int, optimizer: bool) -> None:
        folder = Path(runner.work_dir)
        write_whole(
            folder / name,
            lambda temporary: runner.save_checkpoint(
                str(folder),
                temporary.name,
                save_optimizer=optimizer,
                save_param_scheduler=optimizer,
                meta=dict(epoch=epoch, iter=runner.iter),
            ),
        )


def _without_numpy(value):
    """``value`` with Python's numbers in place of numpy's, which ``torch.load`` refuses."""
    if isinstance(value, dict):
        return type(value)((key, _without_numpy(item)) for key, item in value.items())
    if isinstance(value, list):
        return [_without_numpy(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value

"""The short options of ``tools/train.py``, applied to a config."""

import os
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmseg.registry import MODELS, OPTIM_WRAPPERS

from ..components import component, takes
from ..errors import ConfigError
from ..models.checkpoints import load_from_anywhere
from ..models.precision import native_bfloat16
from ..named_files import known_checkpoint
from .data_roots import name_of
from .encoder_config import encoder_config
from .iterations import counts_iterations, each_schedule, schedule_name
from .stock_settings import check_stock_settings
from .work_folder import latest_whole_checkpoint


def _at_least_one(option: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise ConfigError(f'{option} {value}: 1 or more was expected')


def epochs_asked(epochs: int | None = None) -> int | None:
    """``--epochs``, or else ``$FUNDUS_EPOCHS``, which shortens every training of a script; ``None`` leaves it to the config.

    Raises:
        ConfigError: If it is not a whole number of 1 or more.
    """
    name: str = '--epochs'
    value: int | str | None = epochs
    if epochs is None and os.environ.get('FUNDUS_EPOCHS'):
        name, value = 'FUNDUS_EPOCHS', os.environ['FUNDUS_EPOCHS']
    if value is not None and not (str(value).isdecimal() and int(value) >= 1):
        raise ConfigError(f'{name} {value}: 1 or more was expected')
    return None if value is None else int(value)


def apply_training_options(
    cfg: Config,
    batch_size: int | None = None,
    accumulate: int | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    seed: int | None = None,
    amp: bool = False,
) -> None:
    """Change a config in place.

    Args:
        cfg (Config): Loaded by :func:`.config.load_config`.
        batch_size (int, optional): Pictures per process and step.
        accumulate (int, optional): Steps whose gradients are added up.
        epochs (int, optional): ``train_cfg.max_epochs``, or else ``$FUNDUS_EPOCHS``; a schedule without ``T_max`` and ``end`` follows.
        lr (float, optional): Learning rate of the optimizer.
        seed (int, optional): ``randomness.seed``.
        amp (bool): Mixed precision.

    Raises:
        ConfigError: If a value is out of range, or two settings contradict each other.
    """
    for option, value in (('--batch-size', batch_size), ('--accumulate', accumulate)):
        _at_least_one(option, value)
    epochs = epochs_asked(epochs)
    if lr is not None and not lr > 0:
        raise ConfigError(f'--lr {lr}: a rate above 0 was expected')
    if seed is not None and not 0 <= seed < 2**31:
        raise ConfigError(f'--seed {seed}: 0 to {2**31 - 1} was expected')
    check_stock_settings(cfg)
    if batch_size is not None:
        if 'batch_sampler' in cfg.train_dataloader and cfg.train_dataloader.batch_sampler:
            raise ConfigError('--batch-size: the config has a batch_sampler, which decides that; change it there')
        cfg.train_dataloader.batch_size = batch_size
    if epochs is not None:
        _set_epochs(cfg, epochs)
    if lr is not None:
        cfg.optim_wrapper.optimizer.lr = lr
    if accumulate is not None:
        cfg.optim_wrapper.accumulative_counts = accumulate
    if seed is not None:
        cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}
    if amp:
        _enable_amp(cfg)


def _set_epochs(cfg: Config, epochs: int) -> None:
    if counts_iterations(cfg.train_cfg):
        raise ConfigError('--epochs: the config counts iterations; set train_cfg.max_iters with --cfg-options')
    for _, schedule in each_schedule(cfg.get('param_scheduler')):
        kind = schedule_name(schedule)
        if kind in ('LinearLR', 'ConstantLR') and schedule.get('by_epoch') is False:
            continue  # a warm-up of some steps
        fixed = [name for name in ('T_max', 'end', 'milestones') if schedule.get(name) is not None]
        if fixed:
            raise ConfigError(f'--epochs: the config fixes {fixed[0]} of its {kind}, which would not follow; change both there')
    cfg.train_cfg.max_epochs = epochs
    begin = cfg.train_cfg.get('val_begin', 1)
    if cfg.train_cfg.get('val_interval', 1) > epochs >= begin:
        cfg.train_cfg.val_interval = epochs


def _enable_amp(cfg: Config) -> None:
    """Bfloat16 where the machine has it (float32's range: no loss scaling), by the model itself if it can; else float16 on a GPU."""
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    bfloat16 = native_bfloat16(device)
    parts = [cfg.model, encoder_config(cfg) or cfg.model.get('backbone')]
    if bfloat16 and all(takes(part, 'precision', MODELS) for part in parts):
        for part in parts:
            part['precision'] = 'bfloat16'
        return
    if device == 'cpu' and not bfloat16:
        raise ConfigError('--amp needs a GPU or a CPU that computes in bfloat16, and there is neither; leave it out')
    if device == 'cpu':
        names = ' with '.join(name_of(part, MODELS) for part in parts if part)
        raise ConfigError(f'--amp: {names} has no precision of its own, and without a GPU mmengine has no mixed precision; leave it out')
    wrapper = cfg.optim_wrapper
    kind = component(wrapper.get('type', 'OptimWrapper'), OPTIM_WRAPPERS)
    if kind not in (OptimWrapper, AmpOptimWrapper):
        raise ConfigError(f'--amp works with optim_wrapper.type OptimWrapper, the config has {wrapper.get("type")}')
    wrapper.type = 'AmpOptimWrapper'
    wrapper.update(dict(dtype='bfloat16') if bfloat16 else dict(dtype='float16', loss_scale='dynamic'))


def choose_checkpoint(cfg: Config, resume: str | Path | None, seed: int | None = None) -> None:
    """Decide what a training starts from: ``--resume [PATH]``, or else what the config says.

    Args:
        cfg (Config): ``resume`` and ``load_from`` are set.
        resume (str, optional): ``'auto'``, a path, or ``None`` to leave the config's choice.
        seed (int, optional): That was asked for on the command line; a resumed training goes on with its own, which is set here.

    Raises:
        ConfigError: If the named file is missing, nothing in the work folder is whole, or the seed is another than the checkpoint's.
        CheckpointError: If the checkpoint cannot be read.
    """
    if resume not in (None, 'auto'):
        cfg.resume, cfg.load_from = True, known_checkpoint(str(resume))
        _take_seed(cfg, seed)
        return
    if resume is None and cfg.get('resume') and cfg.get('load_from'):
        _take_seed(cfg, seed)
        return
    if resume is None and not cfg.get('resume'):
        return
    path, damaged = latest_whole_checkpoint(cfg.work_dir)
    for file in damaged:
        print_log(f'{file} is damaged and passed over', logger='current', level=30)
    if path is None and damaged:
        raise ConfigError(f'no checkpoint in {cfg.work_dir} is whole ({len(damaged)} damaged); name one with --resume PATH or leave it out')
    print_log(f'resuming from {path}' if path else f'nothing to resume in {cfg.work_dir}: starting anew', logger='current', level=30)
    cfg.resume, cfg.load_from = path is not None, str(path) if path else None
    if path is not None:
        _take_seed(cfg, seed)


def _take_seed(cfg: Config, asked: int | None) -> None:
    """Go on with the seed of the checkpoint: mmengine would change to it after the sampler was made with another."""
    meta = load_from_anywhere(cfg.load_from).get('meta')
    seed = meta.get('seed') if isinstance(meta, dict) else None
    if not isinstance(seed, int):
        return
    if asked not in (None, seed):
        raise ConfigError(f'--seed {asked}: {cfg.load_from} was trained with seed {seed}, with which it goes on; leave --seed out')
    cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}

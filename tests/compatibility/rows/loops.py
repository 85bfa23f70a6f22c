"""Loops, and what is counted in them: epochs or steps."""

from habits import row
from trial import Trial, near, same, true

KIND = 'Loops'
BY_STEPS = """
train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=6, val_interval=3)
train_dataloader['sampler'] = dict(_delete_=True, type='InfiniteSampler', shuffle=True)
log_processor = dict(by_epoch=False)
param_scheduler = dict(_delete_=True, type='PolyLR', power=1.0, eta_min=0, begin=0, end=6, by_epoch=False)
"""
LOGGED = "default_hooks['logger'] = dict(interval=1, log_metric_by_epoch=False)\n"


def _resumes(trial: Trial, config: str) -> None:
    """From step 6 to 9, in three steps; and a test."""
    trial.train(config.replace('max_iters=6', 'max_iters=9').replace('end=6', 'end=9'), '--resume')
    same(len(trial.scalars('train/loss')), 3, 'steps of the resumed training')
    same(trial.checkpoint('iter_9.pth')['meta']['iter'], 9, 'steps after resuming')
    trial.test('iter_9.pth')


@row(KIND, "IterBasedTrainLoop, InfiniteSampler, PolyLR: mmsegmentation's own schedules, with our checkpoint hook by_epoch=False")
def by_steps(trial: Trial):
    """Files are `iter_3.pth`, `iter_6.pth`; the rate falls in a line; it resumes at step 6 and is tested."""
    config = BY_STEPS + "default_hooks['checkpoint'] = dict(by_epoch=False, interval=3)\n" + LOGGED
    trial.train(config)
    true({'iter_3.pth', 'iter_6.pth'} <= trial.files and 'epoch_0.pth' not in trial.files, f'checkpoints {sorted(trial.files)}')
    near(trial.scalars('train/lr'), [0.003 * (1 - i / 5) for i in range(6)], 'learning rates')
    _resumes(trial, config)


@row(KIND, "IterBasedTrainLoop with mmengine's own CheckpointHook")
def by_steps_stock(trial: Trial):
    """Files are `iter_3.pth`, `iter_6.pth`; it resumes at step 6 and is tested."""
    config = BY_STEPS + "default_hooks['checkpoint'] = dict(_delete_=True, type='CheckpointHook', by_epoch=False, interval=3)\n" + LOGGED
    trial.train(config)
    same(trial.files, {'iter_3.pth', 'iter_6.pth'}, 'checkpoints')
    _resumes(trial, config)


@row(KIND, 'dynamic_intervals: validated more rarely from an epoch on')
def dynamic_intervals(trial: Trial):
    """Of 4 epochs 1 and 4 are validated (every one, from epoch 2 on every third and the last), all four are saved."""
    extra = "train_cfg['dynamic_intervals'] = [(2, 3)]\ndefault_hooks['checkpoint']['max_keep_ckpts'] = 9"
    trial.train(extra, '--epochs', '4')
    same({name for name in trial.files if name.startswith('epoch')}, {f'epoch_{n}.pth' for n in range(1, 5)}, 'checkpoints')


@row(KIND, 'Training without validation: val_cfg, val_dataloader, val_evaluator = None')
def no_validation(trial: Trial):
    """Both epochs are saved, nothing is validated."""
    trial.train('val_cfg = val_dataloader = val_evaluator = None')
    same(trial.files, {'epoch_1.pth', 'epoch_2.pth'}, 'checkpoints')


@row(KIND, 'val_begin')
def val_begin(trial: Trial):
    """Of 3 epochs the last two are validated."""
    trial.train("train_cfg['val_begin'] = 2", '--epochs', '3')
    same(len(trial.scalars('val/Dice')), 2, 'validations')


@row(KIND, 'TestLoop(fp16=True)')
def half_precision_test(trial: Trial):
    """The Dice is that of the test in float32 to 0.05."""
    trial.take_trained()
    trial.test()
    dice = trial.results['metrics']['Dice']
    trial.test('epoch_2.pth', '--cfg-options', 'test_cfg.fp16=True')
    near(trial.results['metrics']['Dice'], dice, 'Dice', tolerance=0.05)


@row(KIND, "runner_type: a Runner class of one's own", refused='runner_type')
def runner_type(trial: Trial):
    """It is not used instead of ours without a word."""
    return trial.train("runner_type = 'FlexibleRunner'\nstrategy = dict(type='SingleDeviceStrategy')", check=False)

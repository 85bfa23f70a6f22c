"""Optimizers, their wrappers and constructors, and schedules: the rates and steps that a user expects."""

import torch
from habits import row
from trial import Trial, near, same, true

KIND = 'Optimizers and schedules'
LOGGED = "default_hooks['logger'] = dict(interval=1, log_metric_by_epoch=False)\n"
STEP = "train_dataloader['batch_size'] = 2\n"  # 3 steps an epoch


def _rates(trial: Trial, schedule: str, wanted: list, *options) -> None:
    """Train two epochs of 3 steps and compare the learning rate of every step."""
    trial.train(LOGGED + STEP + f'param_scheduler = {schedule}', *options)
    near(trial.scalars('train/lr'), wanted, 'learning rates')


@row(KIND, 'PolyLR by steps behind a LinearLR warm-up')
def poly(trial: Trial):
    """Rates of 6 steps, in shares of the peak: .5, 1, 1, 2/3, 1/3, 0."""
    warm_up = "dict(type='LinearLR', start_factor=0.5, by_epoch=False, begin=0, end=2)"
    _rates(
        trial,
        f"[{warm_up}, dict(type='PolyLR', power=1.0, eta_min=0, begin=2, end=6, by_epoch=False)]",
        [0.003 * share for share in (1 / 2, 1, 1, 2 / 3, 1 / 3, 0)],
    )


@row(KIND, 'MultiStepLR(milestones=[1], gamma=0.1)')
def multi_step(trial: Trial):
    """The second epoch has a tenth of the first one's rate."""
    _rates(trial, "dict(_delete_=True, type='MultiStepLR', milestones=[1], gamma=0.1, by_epoch=True)", [0.003] * 3 + [0.0003] * 3)


@row(KIND, 'OneCycleLR')
def one_cycle(trial: Trial):
    """Rates of 6 steps are torch's: from a 25th of the peak up to it, and down."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter], lr=0.003)
    stock = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=6)
    wanted = []
    for _ in range(6):
        wanted.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        stock.step() if len(wanted) < 6 else None
    _rates(trial, "dict(_delete_=True, type='OneCycleLR', eta_max=0.01, total_steps=6, by_epoch=False)", wanted)


@row(KIND, "ReduceOnPlateauLR(monitor='Dice')")
def plateau(trial: Trial):
    """A Dice that does not get better by 1 halves the rate for the third epoch."""
    schedule = (
        "dict(_delete_=True, type='ReduceOnPlateauLR', monitor='Dice', rule='greater', factor=0.5, patience=0, threshold=1, by_epoch=True)"
    )
    trial.train(LOGGED + f'param_scheduler = {schedule}', '--epochs', '3')
    near(trial.scalars('train/lr')[-1], 0.0015, 'rate of the third epoch')


@row(KIND, '--epochs with a schedule that fixes its end', refused='T_max')
def fixed_end(trial: Trial):
    """The line names what would not follow."""
    return trial.train('param_scheduler = dict(T_max=2)', '--epochs', '5', check=False)


@row(KIND, 'AdamW with paramwise_cfg: norm_decay_mult=0, custom_keys')
def paramwise(trial: Trial):
    """Norms have no weight decay, the neck has ten times the rate, nothing frozen is in the optimizer."""
    trial.train(
        "optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=0.001, weight_decay=0.05),\n"
        "    paramwise_cfg=dict(norm_decay_mult=0.0, custom_keys={'neck': dict(lr_mult=10.0)}))\n"
        "param_scheduler = dict(_delete_=True, type='ConstantLR', factor=1.0)"
    )
    groups = trial.checkpoint()['optimizer']['param_groups']
    same({round(group['lr'], 6) for group in groups}, {0.001, 0.01}, 'rates')
    same({group['weight_decay'] for group in groups}, {0.0, 0.05}, 'weight decays')
    trained = trial.checkpoint()['meta']['training']['trained_parameters']
    state = trial.checkpoint()['optimizer']['state']
    same(sum(one['exp_avg'].numel() for one in state.values()), trained, 'numbers in the optimizer')


@row(KIND, "DefaultOptimWrapperConstructor, mmengine's own")
def stock_constructor(trial: Trial):
    """Frozen parameters are in its list, but none of them has a state or changes."""
    trial.train("optim_wrapper['constructor'] = 'DefaultOptimWrapperConstructor'")
    trained = trial.checkpoint()['meta']['training']['trained_parameters']
    same(sum(one['exp_avg'].numel() for one in trial.checkpoint()['optimizer']['state'].values()), trained, 'numbers in the optimizer')


@row(KIND, 'LearningRateDecayOptimizerConstructor, LayerDecayOptimizerConstructor', refused='custom_keys')
def layer_decay(trial: Trial):
    """mmseg's knows ConvNeXt, BEiT and MAE by their class names; the line says how to have a rate for each block instead."""
    return trial.train(
        "model['backbone']['trainable_blocks'] = 'all'\n"
        "optim_wrapper.update(constructor='LearningRateDecayOptimizerConstructor',\n"
        "    paramwise_cfg=dict(num_layers=4, decay_rate=0.9, decay_type='layer_wise'))",
        check=False,
    )


@row(KIND, 'clip_grad=dict(max_norm=...)')
def clipping(trial: Trial):
    """With SGD at rate 1 no step moves the weights by more than `max_norm`; the curve `grad_norm` is there."""
    trial.train(
        LOGGED + "optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=1.0), clip_grad=dict(max_norm=0.001))\n"
        "param_scheduler = dict(_delete_=True, type='ConstantLR', factor=1.0)"
    )
    same(len(trial.scalars('train/grad_norm')), 4, 'values of grad_norm')
    one, two = (trial.checkpoint(f'epoch_{n}.pth')['state_dict'] for n in (1, 2))
    parameters = [name for name in two if two[name].is_floating_point() and 'running' not in name]
    moved = sum(float((two[name] - one[name]).pow(2).sum()) for name in parameters) ** 0.5
    true(0 < moved < 0.00201, f'weights moved by {moved} in two steps')


@row(KIND, 'accumulative_counts=3')
def accumulation(trial: Trial):
    """6 steps are 2 of the optimizer."""
    trial.train(STEP + "optim_wrapper['accumulative_counts'] = 3")
    steps = {int(one['step']) for one in trial.checkpoint()['optimizer']['state'].values()}
    same((trial.checkpoint()['meta']['iter'], steps), (6, {2}), 'steps, and those of the optimizer')


@row(KIND, 'AmpOptimWrapper on the CPU', refused="model.precision='bfloat16'")
def amp(trial: Trial):
    """mmengine's is for GPUs; the line says what computes in half precision on a CPU."""
    return trial.train("optim_wrapper['type'] = 'AmpOptimWrapper'", check=False)


@row(KIND, "model.precision='bfloat16': half precision by the model itself")
def precision(trial: Trial):
    """Weights stay float32; the first loss is that of float32 to a fiftieth, and not the same."""
    trial.train(LOGGED)
    plain = trial.scalars('train/loss')
    trial.train(LOGGED + "model['precision'] = model['backbone']['precision'] = 'bfloat16'")
    half = trial.scalars('train/loss')
    true(abs(half[0] - plain[0]) < 0.02 * plain[0] and half[-1] != plain[-1], f'losses {half} and {plain}')
    kinds = {tensor.dtype for tensor in trial.checkpoint()['state_dict'].values() if tensor.is_floating_point()}
    same(kinds, {torch.float32}, 'kinds of weights')


@row(KIND, 'auto_scale_lr=dict(enable=True, base_batch_size=16)')
def auto_scale(trial: Trial):
    """A batch of 4 has a quarter of the rate."""
    trial.train(LOGGED + 'auto_scale_lr = dict(enable=True, base_batch_size=16)')
    near(trial.scalars('train/lr')[0], 0.003 / 4, 'first rate')


@row(KIND, 'Several optimizers (OptimWrapperDict) without a constructor', refused='optim_wrapper.constructor')
def optimizer_dict(trial: Trial):
    """Several optimizers need a constructor of one's own: one line."""
    part = "dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))"
    return trial.train(f'optim_wrapper = dict(_delete_=True, encoder={part}, decoder={part})', check=False)

"""Hooks of mmengine and mmseg, and of one's own."""

import torch
from habits import row
from trial import Trial, same, true

KIND = 'Hooks'


@row(KIND, 'EMAHook')
def ema(trial: Trial):
    """Averaged weights are in the checkpoints, differ from the last ones, and go on when resumed (4 steps, then 8); the test uses them."""
    trial.train("custom_hooks = [dict(type='EMAHook', momentum=0.5)]")
    two = trial.checkpoint('epoch_2.pth')
    averaged = two['ema_state_dict']
    same(int(averaged['steps']), 4, 'steps of the average after two epochs')
    names = [name for name, tensor in two['state_dict'].items() if name.startswith('decode_head') and tensor.is_floating_point()]
    moved = [name for name in names if not torch.equal(two['state_dict'][name], averaged[f'module.{name}'])]
    true(len(moved) > len(names) / 2, f'{len(moved)} of {len(names)} tensors differ from their average')
    trial.train("custom_hooks = [dict(type='EMAHook', momentum=0.5)]", '--epochs', '4', '--resume')
    same(int(trial.checkpoint('epoch_4.pth')['ema_state_dict']['steps']), 8, 'steps of the average after four epochs')
    trial.test('epoch_4.pth')


@row(KIND, "EarlyStoppingHook(monitor='Dice')")
def early_stopping(trial: Trial):
    """A Dice that never gets better by 1 stops the training after epoch 2 of 9; the rule is known from the name."""
    trial.train("custom_hooks = [dict(type='EarlyStoppingHook', monitor='Dice', min_delta=1, patience=1)]", '--epochs', '9')
    same(len(trial.scalars('val/Dice')), 2, 'validations')
    true('epoch_2.pth' in trial.files and 'epoch_3.pth' not in trial.files, f'checkpoints {sorted(trial.files)}')


@row(KIND, "CheckpointHook(save_best='Dice'), mmengine's own, in place of ours")
def stock_checkpoints(trial: Trial):
    """`epoch_1.pth`, `epoch_2.pth` and `best_Dice_epoch_*.pth` are written; one resumes (epochs 3 and 4), the best one is tested."""
    hook = "default_hooks['checkpoint'] = dict(_delete_=True, type='CheckpointHook', interval=1, save_best='Dice')"
    trial.train(hook)
    true({'epoch_1.pth', 'epoch_2.pth'} <= trial.files, f'checkpoints {sorted(trial.files)}')
    trial.train(hook, '--resume', '--epochs', '4')
    same(len(trial.scalars('val/Dice')), 2, 'epochs of the resumed training')
    same(trial.checkpoint('epoch_4.pth')['meta']['iter'], 8, 'steps after resuming')
    trial.test(next(name for name in trial.files if name.startswith('best_Dice_epoch_')))


@row(KIND, 'LoggerHook(interval=1), by steps')
def logger(trial: Trial):
    """`scalars.json` has a line of loss for each of 4 steps."""
    trial.train("default_hooks['logger'] = dict(interval=1, log_metric_by_epoch=False)")
    same(len(trial.scalars('train/loss')), 4, 'lines of train/loss')


@row(KIND, 'ProfilerHook(json_trace_path=...)')
def profiler(trial: Trial):
    """The trace is written and holds convolutions."""
    trial.train("custom_hooks = [dict(type='ProfilerHook', json_trace_path='trace.json')]", '--epochs', '1')
    true('aten::conv2d' in (trial.folder / 'trace.json').read_text(), 'no convolution in the trace')


@row(KIND, "mmseg's SegVisualizationHook and SegLocalVisualizer in place of ours")
def segmentation_pictures(trial: Trial):
    """Each test picture is drawn."""
    trial.train(
        "default_hooks['visualization'] = dict(_delete_=True, type='SegVisualizationHook', draw=True, interval=1)\n"
        "visualizer = dict(_delete_=True, type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])"
    )
    trial.test()
    drawn = {path.name for path in trial.work.glob('*/vis_data/vis_image/test_*')}
    same(len(drawn), 3, 'drawn test pictures')


@row(KIND, 'SegVisualizationHook(draw=True) with our visualizer')
def stock_hook_our_visualizer(trial: Trial):
    """Each test picture is drawn."""
    trial.train("default_hooks['visualization'] = dict(_delete_=True, type='SegVisualizationHook', draw=True, interval=1)")
    trial.test()
    same(len(list(trial.work.glob('*/vis_data/vis_image/test_*'))), 3, 'drawn test pictures')


OWN = """
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class CountingHook(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        with open('counted', 'a') as file:
            file.write(f'{runner.iter} ')
"""


@row(KIND, "A hook of one's own in a module beside the config, custom_imports replaced")
def own_hook(trial: Trial):
    """It is called in each of 4 steps, though the config no longer imports `mmseg_fundus`."""
    (trial.folder / 'own_hook.py').write_text(OWN)
    trial.train("custom_imports = dict(imports=['own_hook'], allow_failed_imports=False)\ncustom_hooks = [dict(type='CountingHook')]")
    same((trial.folder / 'counted').read_text(), '0 1 2 3 ', 'steps seen')


@row(KIND, "EmptyCacheHook, SyncBuffersHook, mmengine's own RuntimeInfoHook")
def small_hooks(trial: Trial):
    """A training with them goes through two epochs."""
    trial.train("custom_hooks = [dict(type='EmptyCacheHook', after_epoch=True), dict(type='SyncBuffersHook')]")
    same(trial.checkpoint()['meta']['epoch'], 2, 'epochs')


@row(KIND, 'A misspelt argument of a hook', refused="did you mean 'interval'?")
def misspelt(trial: Trial):
    """The right name is suggested."""
    return trial.train("default_hooks['logger'] = dict(intervall=1)", check=False)

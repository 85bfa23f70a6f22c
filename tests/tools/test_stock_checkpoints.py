"""Checkpoints that mmengine's own hooks write from our configs are read safely by everything; and ours by mmengine's runner."""

import sys

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from mmseg_fundus.engine import load_config
from mmseg_fundus.fileio.safe_load import safe_load

STOCK = (
    "default_hooks = dict(checkpoint=dict(_delete_=True, type='CheckpointHook', {interval}, save_best='Dice', rule='greater',\n"
    "    max_keep_ckpts=2, published_keys=['meta', 'state_dict']{more}), logger=dict(interval=1))\n"
    "train_dataloader['batch_size'] = 2\n"
    "param_scheduler = [dict(type='LinearLR', by_epoch=False, start_factor=0.1, end=2),\n"
    "    dict(type='OneCycleLR', eta_max=0.003, total_steps=99, by_epoch=False)]\n"
    "custom_hooks = [dict(type='EMAHook')]\n"
)
EPOCHS = 'train_cfg = dict(max_epochs=2)'
ITERATIONS = "train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=4, val_interval=2)"


@pytest.fixture
def tool(root, shell):
    return lambda name, *arguments: shell(sys.executable, root / f'tools/{name}.py', *arguments)


@pytest.mark.parametrize('kind', ['epoch', 'iter'])
def test_what_mmengines_hooks_write_is_resumed_tested_and_exported(tool, tiny_config, tmp_path, kind, drive_like):
    by_epoch, limit = kind == 'epoch', 'train_cfg.max_epochs' if kind == 'epoch' else 'train_cfg.max_iters'
    stock = STOCK.format(
        interval='interval=1' if by_epoch else 'by_epoch=False, interval=2',
        more='' if by_epoch else ", filename_tmpl='mine_{}.pth'",
    )
    stock += EPOCHS if by_epoch else ITERATIONS
    config = tiny_config(stock)
    # hooks that stop any test of mmengine's, so that they are in this training's config alone
    training = f"{stock}\ncustom_hooks += [dict(type='ProfilerHook', profile_times=1), dict(type='EarlyStoppingHook', monitor='loss')]"
    done = tool('train', tiny_config(training, name='training.py'))
    assert done.returncode == 0, done.stdout[-3000:]
    work, last = tmp_path / 'work', ('epoch_2' if by_epoch else 'mine_4')
    curves = safe_load(work / f'{last}.pth')['message_hub']['log_scalars']
    assert {'train/lr', 'train/loss', 'val/Dice'} <= curves.keys() and all(type(curve) is HistoryBuffer for curve in curves.values())
    best = next(path for path in work.glob('best_Dice*') if '-' not in path.name)
    for file in (work / f'{last}.pth', best, *work.glob('*-*.pth')):
        done = tool('test', config, file, '--work-dir', tmp_path / 'tested')
        assert done.returncode == 0, done.stdout[-3000:]
    done = tool('export_checkpoint', config, work / f'{last}.pth', tmp_path / 'whole.pth')
    assert done.returncode == 0, done.stdout[-3000:]
    pictures = drive_like / 'test/images'
    done = tool('predict', pictures, '-o', tmp_path / 'vessels', '--config', config, '--checkpoint', work / f'{last}.pth')
    assert done.returncode == 0, done.stdout[-3000:]
    done = tool('train', config, '--resume', '--cfg-options', f'{limit}={3 if by_epoch else 6}')
    assert done.returncode == 0 and f'{last}.pth' in done.stdout and 'nothing to resume' not in done.stdout, done.stdout[-3000:]
    after = safe_load(work / ('epoch_3.pth' if by_epoch else 'mine_6.pth'))
    assert len(after['message_hub']['log_scalars']['train/loss'].data[0]) == (9 if by_epoch else 6)  # with those before


@pytest.mark.slow
@pytest.mark.parametrize('hook', ['ours', 'stock'])
def test_mmengines_runner_resumes_them_as_an_undisturbed_training(tiny_config, tmp_path, hook):
    stock = STOCK.format(interval='interval=1', more='') if hook == 'stock' else ''
    config = tiny_config(stock + "\ntrain_cfg = dict(max_epochs=2)\ntrain_dataloader['batch_size'] = 2")
    Runner.from_cfg(load_config(config, work_dir=str(tmp_path / 'whole'))).train()
    options = {'load_from': str(tmp_path / 'whole/epoch_1.pth'), 'resume': True, 'experiment_name': 'resumed'}
    Runner.from_cfg(load_config(config, options, work_dir=str(tmp_path / 'resumed'))).train()
    first, second = (safe_load(tmp_path / name / 'epoch_2.pth') for name in ('whole', 'resumed'))
    assert (second['meta']['epoch'], second['meta']['iter']) == (2, 6)
    assert first['param_schedulers'] == second['param_schedulers']
    if hook == 'ours':  # stock ones leave our EpochSeedHook out
        assert all(torch.equal(tensor, second['state_dict'][name]) for name, tensor in first['state_dict'].items())

"""Resuming and loading as mmengine's users write it, and several processes."""

import os
import subprocess
import sys
import time

import torch
from habits import row
from tiny import ROOT
from trial import Finished, Trial, Wrong, same, true

KIND = 'Resume, load, several processes'


@row(KIND, 'resume=True in the config')
def resume(trial: Trial):
    """Goes on with epoch 3 of 4 from the newest checkpoint; the added epochs have a rate of their own."""
    trial.take_trained()
    trial.train("resume = True\ntrain_cfg['max_epochs'] = 4\ndefault_hooks['logger'] = dict(interval=1)")
    same(len(trial.scalars('val/Dice')), 2, 'epochs of the resumed training')
    true(min(trial.scalars('train/lr')[:3]) > 0.0001, f'learning rates {trial.scalars("train/lr")}')


@row(KIND, "resume=True, load_from='.../epoch_1.pth'")
def resume_from(trial: Trial):
    """Goes on with epoch 2, and ends with the weights of the undisturbed training, to the bit."""
    trial.take_trained()
    wanted = trial.checkpoint()['state_dict']
    trial.train(f'resume = True\nload_from = {str(trial.work / "epoch_1.pth")!r}')
    same(len(trial.scalars('val/Dice')), 1, 'epochs of the resumed training')
    found = trial.checkpoint()['state_dict']
    same([name for name in wanted if not torch.equal(wanted[name], found[name])], [], 'tensors that differ')


@row(KIND, "load_from='...' alone: fine-tuning")
def load_from(trial: Trial):
    """Begins at epoch 1 with those weights: at a rate of 0 they come out as they went in."""
    weights = trial.take_trained().rename(trial.folder / 'start.pth')
    frozen = f"load_from = {str(weights)!r}\noptim_wrapper['optimizer'] = dict(_delete_=True, type='SGD', lr=0.0)"
    trial.train(frozen + "\nparam_scheduler = dict(_delete_=True, type='ConstantLR', factor=1.0)")
    same(trial.checkpoint()['meta']['iter'], 4, 'steps')
    before = torch.load(weights, weights_only=False)['state_dict']
    after = trial.checkpoint()['state_dict']
    names = [name for name in before if 'running_' not in name and 'num_batches' not in name]
    same([name for name in names if not torch.equal(before[name], after[name])], [], 'tensors that differ')


@row(KIND, 'load_from a checkpoint of another model', refused='does not fit the model')
def load_other(trial: Trial):
    """mmengine's loading would pass over what does not fit; the line says what."""
    weights = trial.take_trained()
    return trial.train(f"load_from = {str(weights)!r}\nmodel['neck']['channels'] = model['decode_head']['in_channels'] = 8", check=False)


@row(KIND, 'A checkpoint of ours in plain torch.load')
def torch_load(trial: Trial):
    """`torch.load(weights_only=True)` reads it."""
    trial.take_trained()
    code = (
        f'import torch\nfound = torch.load({str(trial.work / "epoch_2.pth")!r}, map_location="cpu", weights_only=True)\n'
        'print()\nprint(sorted(found))'
    )
    true("'state_dict'" in trial.python(code).out, 'no state_dict')


@row(KIND, 'broadcast_buffers=True, find_unused_parameters=True, two CPU processes by dist_train.sh')
def two_processes(trial: Trial):
    """Two processes train together: one step an epoch of two batches of 4, `processes` is 2."""
    done = _launched(trial, 'find_unused_parameters = True')
    true(done.status == 0, done.tail())
    same(trial.results['processes'], 2, 'processes')
    same(trial.checkpoint()['meta']['iter'], 2, 'steps of two epochs')


@row(KIND, 'SyncBN with several CPU processes')
def sync_bn(trial: Trial):
    """torch has it for GPUs alone: a line says that it becomes batch norm; both processes train."""
    done = _launched(trial, "model['decode_head']['norm_cfg'] = dict(type='SyncBN')")
    true(done.status == 0, done.tail())
    true('SyncBN works on GPUs alone' in done.out, 'nothing is said')
    same(trial.results['processes'], 2, 'processes')


def _launched(trial: Trial, extra: str) -> Finished:
    env = {**trial.shared.env, 'PATH': os.pathsep.join([os.path.dirname(sys.executable), os.environ['PATH']])}
    command = ['bash', str(ROOT / 'tools' / 'dist_train.sh'), str(trial.config(extra)), '2']
    streams = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    process = subprocess.Popen(command, cwd=trial.folder, env=env, start_new_session=True, **streams)
    try:
        out, _ = process.communicate(timeout=max(trial.ends - time.monotonic(), 1))
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, 9)
        raise Wrong('the processes did not end') from error
    return Finished(process.returncode, out)

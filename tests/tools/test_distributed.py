"""Several processes on the CPU: figures as on one, errors that end all, runs that do not meet."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import distributed

from mmseg_fundus.engine.distributed import close


@pytest.fixture
def launch(root, zygote):
    """Starts dist_train.sh; its processes are forks unless ``VIRTUAL_ENV`` is given."""

    def start(config, processes, *options, **env):
        clean = {k: v for k, v in os.environ.items() if k not in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'PORT', 'MASTER_PORT')}
        return subprocess.Popen(
            ['bash', str(root / 'tools/dist_train.sh'), str(config), str(processes), *map(str, options)],
            env={**clean, 'VIRTUAL_ENV': str(zygote.environment), 'OMP_NUM_THREADS': '1', **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def out_of(process):
    return process.communicate(timeout=300)[0]


def events_of(work):
    return EventAccumulator(str(next(work.rglob('events.out.tfevents*')).parent), size_guidance=dict(scalars=0)).Reload()


TAGS = ('loss', 'Dice', 'IoU', 'Accuracy', 'Sensitivity', 'Specificity')


def test_validation_on_four_processes_equals_that_on_one(launch, shell, root, tiny_config, tmp_path):
    """Three epochs on four processes; the validation of its last checkpoint is repeated on one (2 pictures: ragged)."""
    config = tiny_config()
    exact = ('--cfg-options', 'default_hooks.feature_cache.validation=False')  # kept maps are float16
    process = launch(config, 4, '--work-dir', tmp_path / 'four', '--epochs', 3, *exact)
    out = out_of(process)
    assert process.returncode == 0, out
    four = events_of(tmp_path / 'four')
    tags = set(four.Tags()['scalars'])
    assert {f'val/{tag}' for tag in TAGS} | {'train/loss', 'train/Dice', 'train/lr'} <= tags and four.Tags()['images']
    options = ('test_dataloader.dataset.split=val', 'test_dataloader.dataset.val_fraction=0.2')
    command = [sys.executable, root / 'tools/test.py', config, tmp_path / 'four/epoch_3.pth', '--work-dir', tmp_path / 'one']
    assert shell(*command, '--cfg-options', *options).returncode == 0
    one = json.loads((tmp_path / 'one/results.json').read_text())
    assert one['data']['split'] == 'val' and one['phase'] == 'test'
    for tag in TAGS:
        assert four.Scalars(f'val/{tag}')[-1].value == pytest.approx(one['metrics'][tag], abs=1e-6), tag


def test_an_error_on_one_rank_ends_all_with_its_message_last(launch, tiny_config, tmp_path):
    extra = "custom_imports = dict(imports=['mmseg_fundus', 'breaker'], allow_failed_imports=False)\ncustom_hooks = [dict(type='Breaker')]"
    (tmp_path / 'breaker.py').write_text(
        'from mmengine.hooks import Hook\nfrom mmseg.registry import HOOKS\n\n\n@HOOKS.register_module()\nclass Breaker(Hook):\n'
        '    def before_train_iter(self, runner, batch_idx, data_batch=None):\n'
        "        if runner.rank == 1:\n            raise RuntimeError('rank one has had enough')\n"
    )
    process = launch(tiny_config(extra), 2, '--work-dir', tmp_path / 'run', PYTHONPATH=str(tmp_path))
    lines = []
    failed = None
    for line in process.stdout:
        lines.append(line)
        if 'rank one has had enough' in line and failed is None:
            failed = time.perf_counter()
    assert process.wait() != 0 and time.perf_counter() - failed < 30
    assert lines[-1].strip() == 'error (rank 1): RuntimeError: rank one has had enough', lines[-5:]


def test_bad_input_is_the_last_line_too(launch, tiny_config, tmp_path):
    process = launch(tiny_config(), 2, '--weights', tmp_path / 'nowhere.pth', VIRTUAL_ENV=sys.prefix)  # new processes, as a user's are
    out = out_of(process)
    assert process.returncode != 0 and re.fullmatch(r'error \(rank \d\): weights file not found.*', out.strip().splitlines()[-1])


def test_two_trainings_started_at_once_both_train(launch, tiny_config, tmp_path):
    runs = [launch(tiny_config(name=f'{name}.py'), 2, '--work-dir', tmp_path / name) for name in ('a', 'b')]
    for process in runs:
        out = out_of(process)
        assert process.returncode == 0, out
    assert all((tmp_path / name / 'epoch_2.pth').is_file() for name in ('a', 'b'))


def test_no_thread_of_the_process_group_outlives_it(tmp_path):
    """One that is alive while Python ends can abort the process, and with it the training on the other ranks."""

    def threads():
        return {task.name for task in Path('/proc/self/task').iterdir()}

    torch.nn.Linear(1, 1)(torch.ones(1, 1)).backward()  # what torch starts once and keeps
    before = threads()
    distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/meet', rank=0, world_size=1)
    runner = dict(model=torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1)))
    runner['loop'] = runner  # what was trained is a cycle, which only a collection frees
    assert threads() - before
    del runner
    close()
    assert not threads() - before


def test_two_nodes_are_two_agents_that_meet_at_a_port(launch, tiny_config, tmp_path):
    import socket

    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    config = tiny_config()
    env = dict(NNODES='2', MASTER_ADDR='127.0.0.1', PORT=port)
    nodes = [launch(config, 1, '--work-dir', tmp_path / 'run', NODE_RANK=str(rank), **env) for rank in (0, 1)]
    outs = [out_of(process) for process in nodes]
    assert all(process.returncode == 0 for process in nodes), outs
    assert 'processes": 2' in (tmp_path / 'run/results.json').read_text()


def test_accumulation_equals_the_larger_batch(tiny_config):
    """Four steps of one picture, added up, give the decoder of one step of four (batch norm in eval mode)."""
    from mmengine.dataset import pseudo_collate
    from mmengine.optim import build_optim_wrapper
    from mmseg.registry import DATASETS, MODELS

    from mmseg_fundus.datasets import View
    from mmseg_fundus.engine import load_config
    from mmseg_fundus.engine.training_options import apply_training_options

    cfg = load_config(tiny_config())
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    views = [dataset[View(i, 0, 1)] for i in range(4)]
    states = []
    for batch, accumulate in ((4, 1), (1, 4)):
        cfg = load_config(tiny_config())
        apply_training_options(cfg, batch_size=batch, accumulate=accumulate)
        assert cfg.train_dataloader.batch_size == batch
        torch.manual_seed(0)
        model = MODELS.build(cfg.model)
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
        wrapper.initialize_count_status(model, 0, accumulate)
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        for i in range(0, 4, batch):
            model.train_step(pseudo_collate(views[i : i + batch]), wrapper)
        states.append(model.state_dict())
    fresh = MODELS.build(load_config(tiny_config()).model).state_dict()
    changed = [name for name in fresh if not torch.equal(states[0][name], fresh[name])]
    assert changed
    for name, tensor in states[0].items():
        assert (tensor - states[1][name]).abs().max() < 1e-5, name

"""The tools on a config with LoRA in the encoder (``adapt=...``)."""

import json
import sys

import pytest
import torch

from mmseg_fundus.fileio.safe_load import safe_load


@pytest.fixture
def config(tiny_config):
    return tiny_config("model['backbone']['adapt'] = dict(type='LoRA', rank=4)\ntrain_cfg['max_epochs'] = 1")


@pytest.fixture
def tool(shell, root, config):
    """Runs a tool on it; returns what it printed."""

    def run(name, *arguments, status=0):
        done = shell(sys.executable, root / 'tools' / name, config, *arguments)
        assert done.returncode == status, done.stdout[-3000:]
        return done.stdout

    return run


def figures(folder):
    return json.loads((folder / 'results.json').read_text())['metrics']


def test_an_adapter_is_checked_trained_tested_and_merged_into_a_full_checkpoint_and_onnx(tool, tmp_path):
    checked = tool('check_setup.py')
    assert '54/54 encoder tensors' in checked and 'frozen weights unchanged' in checked
    assert 'so that it runs forwards and backwards in each step' in tool('train.py', '--work-dir', 'run')
    tool('test.py', 'run/epoch_1.pth', '--work-dir', 'slim')
    made = tool('export_checkpoint.py', 'run/epoch_1.pth', 'full.pth')
    assert '--cfg-options model.backbone.adapt=None: the adapter of 8 layers is merged' in made
    assert not any('lora' in name for name in safe_load(tmp_path / 'full.pth')['state_dict'])
    whole = ('--weights', 'from_checkpoint', '--cfg-options')
    tool('test.py', 'full.pth', '--work-dir', 'whole', *whole, 'model.backbone.adapt=None')
    assert figures(tmp_path / 'whole') == pytest.approx(figures(tmp_path / 'slim'), abs=1e-3, nan_ok=True)
    refused = tool('test.py', 'full.pth', '--work-dir', 'refused', '--weights', 'from_checkpoint', status=1)
    assert 'set model.backbone.adapt=None' in refused.strip().splitlines()[-1]
    tool('export.py', 'run/epoch_1.pth', 'vessels.onnx')  # compares with PyTorch
    assert (tmp_path / 'vessels.onnx').is_file()


def test_two_processes_train_the_adapter_alike(shell, root, config, tmp_path):
    done = shell('bash', root / 'tools/dist_train.sh', config, 2, '--work-dir', 'run')
    assert done.returncode == 0, done.stdout[-3000:]
    state = safe_load(tmp_path / 'run/epoch_1.pth')['state_dict']
    up = [tensor for name, tensor in state.items() if name.endswith('lora_up')]
    assert len(up) == 8 and all(torch.count_nonzero(tensor) for tensor in up)

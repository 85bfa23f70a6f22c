"""The tools on a config with mmpretrain's LoRA around the frozen encoder."""

import json
import sys

import pytest
import torch
from tiny import lora_lines

from mmseg_fundus.fileio.safe_load import safe_load


@pytest.fixture
def lora_config(tiny_config, tiny_weights):
    return tiny_config(lora_lines('somewhere.pth', drop_rate=0.1) + "\ntrain_cfg['max_epochs'] = 1")


@pytest.fixture
def tool(shell, root, lora_config, tiny_weights):
    """Runs a tool on it with ``--weights``; returns what it printed."""

    def run(name, *arguments, config=lora_config, weights=tiny_weights, status=0):
        done = shell(sys.executable, root / 'tools' / name, config, *arguments, '--weights', weights)
        assert done.returncode == status, done.stdout[-3000:]
        return done.stdout

    return run


def test_a_training_with_lora_is_checked_trained_tested_exported_and_made_whole(tool, tmp_path):
    checked = tool('check_setup.py')
    assert '54/54 encoder tensors' in checked and 'frozen weights unchanged' in checked
    trained = tool('train.py', '--work-dir', 'run')
    assert 'feature cache: off, the encoder is trained: 8 of its parameters' in trained
    figures = []
    for folder, checkpoint, weights in (('slim', 'run/epoch_1.pth', {}), ('whole', 'full.pth', {'weights': 'from_checkpoint'})):
        tool('test.py', checkpoint, '--work-dir', folder, **weights)
        figures.append(json.loads((tmp_path / folder / 'results.json').read_text())['metrics'])
        if folder == 'slim':
            assert '--weights from_checkpoint' in tool('export_checkpoint.py', checkpoint, 'full.pth')
    assert figures[0] == figures[1]
    state = safe_load(tmp_path / 'full.pth')['state_dict']
    assert sum('.lora_' in name for name in state) == 8 and 'backbone.module.layers.0.attn.qkv.original_layer.weight' in state
    tool('export.py', 'run/epoch_1.pth', 'vessels.onnx')  # compares with PyTorch
    assert (tmp_path / 'vessels.onnx').is_file()
    refused = tool('cache_features.py', status=1)
    assert 'feature cache: off, the encoder is trained' in refused and refused.strip().splitlines()[-1].startswith('error: nothing to fill')


def test_a_weights_file_that_is_missing_under_lora_is_found_out_in_the_first_second(tool):
    refused = tool('train.py', weights='nowhere.pth', status=1)
    assert 'nowhere.pth' in refused.strip().splitlines()[-1] and 'Epoch' not in refused


def test_amp_reaches_the_encoder_under_lora(lora_config, monkeypatch):
    from mmseg_fundus.engine import load_config, training_options

    monkeypatch.setattr(training_options, 'native_bfloat16', lambda device: True)
    cfg = load_config(lora_config, weights='file.pth')
    training_options.apply_training_options(cfg, amp=True)
    assert cfg.model.backbone.module.precision == cfg.model.precision == 'bfloat16'
    assert cfg.model.backbone.module.weights == 'file.pth' and 'weights' not in cfg.model.backbone


def test_two_processes_train_the_adapter_alike(shell, root, lora_config, tiny_weights, tmp_path):
    done = shell('bash', root / 'tools/dist_train.sh', lora_config, 2, '--work-dir', 'run', '--weights', tiny_weights)
    assert done.returncode == 0, done.stdout[-3000:]
    state = safe_load(tmp_path / 'run/epoch_1.pth')['state_dict']
    up = [tensor for name, tensor in state.items() if 'lora_up' in name]
    assert len(up) == 4 and all(torch.count_nonzero(tensor) for tensor in up)


def test_an_adapter_around_the_whole_model_is_refused_where_the_decoder_would_stay_random(shell, root, tiny_config, tmp_path):
    """``LoRAModel`` freezes all but itself: 2 epochs had ended normally, with a decoder as it was initialised."""
    tiny_config()
    lines = ["_base_ = './tiny.py'", "targets = [dict(type='.*qkv')]"]
    lines.append("model = dict(_delete_=True, type='mmpretrain.LoRAModel', module={{_base_.model}}, alpha=1, rank=4, targets=targets)")
    (tmp_path / 'whole.py').write_text('\n'.join(lines))
    done = shell(sys.executable, root / 'tools/train.py', tmp_path / 'whole.py')
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 1 and 'Traceback' not in done.stdout
    assert 'error: decode_head is frozen as it was initialised' in last and 'put it around the encoder' in last

"""tools/export.py as a user calls it."""

import json
import sys

import onnxruntime
import pytest
import torch
from mmseg.registry import MODELS

from mmseg_fundus.engine.config import load_config


@pytest.fixture
def export(shell, root, tiny_config, tmp_path):
    config = tiny_config()
    model = MODELS.build(load_config(config).model)
    checkpoint = {'meta': {'threshold': {'threshold': 0.35}}, 'state_dict': model.slim_state_dict(model.state_dict())}
    torch.save(checkpoint, tmp_path / 'slim.pth')

    def run(*options, out='out/vessels.onnx', **env):
        return shell(sys.executable, root / 'tools' / 'export.py', config, tmp_path / 'slim.pth', out, *options, **env)

    return run


def test_a_slim_checkpoint_becomes_one_file_that_is_checked(export, tmp_path):
    done = export('--cfg-options', 'model.test_cfg.tta=True')
    assert done.returncode == 0, done.stdout
    assert '2 x 192 x 320: probability' in done.stdout and 'vessels.onnx: ' in done.stdout and 'Warning' not in done.stdout
    session = onnxruntime.InferenceSession(str(tmp_path / 'out' / 'vessels.onnx'), providers=['CPUExecutionProvider'])
    facts = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    assert facts['threshold'] == 0.35 and facts['config'] == 'tiny.py' and facts['checkpoint'] == 'slim.pth' and len(facts['poses']) == 8
    again = export()
    assert again.returncode == 1 and 'error: out/vessels.onnx exists' in again.stdout and 'Traceback' not in again.stdout


def test_without_onnx_one_line_says_what_to_install(export, tmp_path):
    (tmp_path / 'blocked').mkdir()
    (tmp_path / 'blocked' / 'onnxruntime.py').write_text('raise ImportError("No module named onnxruntime")')
    done = export(PYTHONPATH=str(tmp_path / 'blocked'))
    assert done.returncode == 1 and 'Traceback' not in done.stdout
    last = done.stdout.splitlines()[-1]  # from Python 3.12 on mmpretrain's first import prints a SyntaxWarning before it
    assert last.startswith('error: ') and last.endswith('pip install onnx onnxruntime'), done.stdout

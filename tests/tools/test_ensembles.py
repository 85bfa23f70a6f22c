"""Several checkpoints in the tools: one test, one folder of predictions."""

import json
import sys

import numpy as np
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

from mmseg_fundus.datasets.synthetic import synthetic_fundus


def test_several_checkpoints_are_tested_and_predicted_as_one(shell, root, tiny_config, tmp_path):
    config = tiny_config()
    for seed in range(2):
        torch.manual_seed(seed)
        model = MODELS.build(Config.fromfile(str(config)).model)
        torch.save({'meta': {}, 'state_dict': model.slim_state_dict(model.state_dict())}, tmp_path / f'{seed}.pth')
    done = shell(sys.executable, root / 'tools/test.py', config, '0.pth', '1.pth', '--work-dir', 'run')
    assert done.returncode == 0 and 'risk-coverage, area: ' in done.stdout and 'by spread of the members' in done.stdout, done.stdout
    results = json.loads((tmp_path / 'run/results.json').read_text())
    assert results['checkpoint'] == 'run/ensemble.pth' and results['trained']['members'] == ['0.pth', '1.pth']
    assert set(results['report']['curves']['risk_coverage']) == {'entropy', 'spread'}
    assert len(list((tmp_path / 'run/masks/uncertainty').glob('*.png'))) == 3
    Image.fromarray(synthetic_fundus(1, 64)[0]).save(tmp_path / 'eye.png')
    predict = (sys.executable, root / 'tools/predict.py', '--config', config, '-o')
    done = shell(*predict, 'out', '--save', 'uncertainty', '--checkpoint', '0.pth', '1.pth', 'eye.png')
    assert done.returncode == 0, done.stdout
    grey = np.asarray(Image.open(tmp_path / 'out/uncertainty/eye.png'))
    assert grey.dtype == np.uint16 and grey.max() > 0
    done = shell(*predict, 'one', '--save', 'uncertainty', '--checkpoint', '0.pth', 'eye.png')
    assert done.returncode == 1 and 'error: --save uncertainty: it is how much' in done.stdout and not (tmp_path / 'one').exists()

"""The model that comes with the package: it needs no other file, and finds vessels."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.apis import FundusVesselInferencer
from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.models.checkpoints import read_trained
from mmseg_fundus.zoo import bundled


def test_without_arguments_vessels_are_found(tmp_path):
    picture, vessels, fov = synthetic_fundus(1, 256)
    eye = FundusVesselInferencer()(np.asarray(picture))
    label = np.asarray(vessels) > 0
    dice = 2 * (eye.mask & label).sum() / (eye.mask.sum() + label.sum())
    assert dice > 0.5 and eye.mask.shape == label.shape


@pytest.mark.parametrize('given, words', [(('a.py', None), 'without its checkpoint'), ((None, 'a.pth'), 'without its config')])
def test_half_a_model_is_refused(given, words):
    with pytest.raises(ConfigError, match=words):
        FundusVesselInferencer(*given)


def test_its_file_is_small_and_says_what_it_was_trained_on():
    config, checkpoint = bundled()
    meta = read_trained(checkpoint)['meta']
    assert checkpoint.stat().st_size < 3e6 and len(meta['training']['files']) == 65 and meta['training']['seed'] == 1
    card = config.with_suffix('.md').read_text()
    for words in ('CC BY 4.0', 'research', 'Command', 'Limits', 'seed 1'):
        assert words in card, words


def test_predict_needs_photographs_alone(root, tmp_path):
    (tmp_path / 'eyes').mkdir()
    Image.fromarray(np.asarray(synthetic_fundus(2, 96)[0])).save(tmp_path / 'eyes/one.png')
    command = [sys.executable, str(root / 'tools/predict.py'), 'eyes', '-o', 'vessels', '--device', 'cpu']
    done = subprocess.run(command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and '1 predicted' in done.stdout, done.stdout
    assert (tmp_path / 'vessels/mask/one.png').is_file()

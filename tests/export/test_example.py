"""The example predicts as the segmentor does, with nothing but numpy, Pillow and onnxruntime."""

import runpy
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.export import export_onnx

from .models import small_model

pytestmark = pytest.mark.slow
SLIDE = dict(mode='slide', crop_size=(48, 64), stride=(24, 40))
BLOCKED = ('torch', 'mmseg_fundus', 'mmseg', 'mmengine', 'mmcv', 'cv2', 'onnx', 'scipy', 'skimage')


@pytest.fixture
def example(root):
    return runpy.run_path(str(root / 'examples' / 'onnx_predict.py'))


def photograph(height=100, width=90):
    picture, _, fov = synthetic_fundus(1, 100)
    return picture[:height, :width], fov[:height, :width] > 0


def model_probability(model, picture, fov):
    bgr = torch.from_numpy(picture[:, :, ::-1].transpose(2, 0, 1).copy())
    with torch.no_grad():
        logits = model.inference(model.data_preprocessor(dict(inputs=[bgr]), False)['inputs'], [dict(fov=fov.astype(np.uint8))])
    return logits.softmax(dim=1)[0, 1].numpy()


@pytest.mark.parametrize(
    'test_cfg',
    [
        SLIDE,
        dict(SLIDE, zoom=1.7, tta=True),
        dict(SLIDE, zoom=0.6, crop_to_fov=True, tta=dict(turns=False, scales=(1.0, 1.3))),
        dict(SLIDE, pixels_per_degree=1.3),
        dict(SLIDE, pixels_per_degree=(0.8, 1.4)),
        dict(mode='whole', size=None, pixels_per_degree=(0.8, 1.4)),
        dict(SLIDE, crop_size=(200, 200), window_batch=1),
        dict(mode='whole', size=(64, 48), tta=True),
        dict(mode='whole', size=(160, 144), crop_to_fov=True),
        dict(mode='whole', size=None),
    ],
    ids=[
        'slide',
        'enlarged',
        'cropped',
        'by the eye',
        'between bounds',
        'whole, between bounds',
        'one window',
        'whole',
        'whole, enlarged',
        'whole, as it is',
    ],
)
def test_it_predicts_as_the_model_does(example, tiny_config, tmp_path, test_cfg):
    model = small_model(tiny_config(), test_cfg=test_cfg)
    export_onnx(model, tmp_path / 'a.onnx')
    session = onnxruntime.InferenceSession(str(tmp_path / 'a.onnx'), providers=['CPUExecutionProvider'])
    picture, fov = photograph()
    probability, threshold = example['predict'](session, picture, fov)
    wanted = model_probability(model, picture, fov)
    assert threshold == 0.5 and np.ptp(wanted[fov]) > 0.1
    np.testing.assert_allclose(probability, wanted, atol=1e-4)


def test_it_runs_without_torch_and_this_package(root, tiny_config, tmp_path):
    model = small_model(tiny_config(), test_cfg=dict(SLIDE, threshold=0.4))
    export_onnx(model, tmp_path / 'a.onnx')
    picture, fov = photograph()
    Image.fromarray(picture).save(tmp_path / 'eye.png')
    Image.fromarray(fov.astype(np.uint8) * 255).save(tmp_path / 'fov.png')
    code = f'import sys, runpy; sys.modules.update(dict.fromkeys({BLOCKED})); runpy.run_path(sys.argv[1], run_name="__main__")'
    arguments = [root / 'examples' / 'onnx_predict.py', 'a.onnx', 'eye.png', '--fov', 'fov.png', '--out', 'out']
    code = code.replace('runpy.run_path', 'script = sys.argv.pop(1); runpy.run_path').replace('(sys.argv[1],', '(script,')
    done = subprocess.run([sys.executable, '-c', code, *map(str, arguments)], cwd=tmp_path, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    wanted = model_probability(model, picture, fov)
    found = np.asarray(Image.open(tmp_path / 'out' / 'eye_probability.png')) / 255
    np.testing.assert_allclose(found, wanted, atol=0.5 / 255 + 1e-4)
    mask = np.asarray(Image.open(tmp_path / 'out' / 'eye_mask.png'))
    clear = np.abs(wanted - 0.4) > 1e-4
    np.testing.assert_array_equal(mask[clear], 255 * (wanted > 0.4)[clear])


def test_the_simple_field_of_view_is_nearly_the_real_one(example):
    picture, _, fov = synthetic_fundus(0, 200)
    assert (example['simple_fov'](picture) == (fov > 0)).mean() > 0.99
    assert example['simple_fov'](np.full((20, 30, 3), 90, np.uint8)).all()

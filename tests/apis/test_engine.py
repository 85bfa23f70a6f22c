"""A network computed by onnxruntime gives the masks that torch gives, or says why it cannot."""

import importlib
import json

import numpy as np
import pytest

from mmseg_fundus.apis import FundusVesselInferencer
from mmseg_fundus.apis.folder import PredictionFolder
from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.export import ExportError, OnnxNetwork

FLOAT32 = {'model.precision': 'float32'}


def both(make):
    return make(engine='torch'), make(engine='onnx')


@pytest.mark.parametrize('tta', [False, 'flips', True], ids=['one pose', 'flips', 'eight poses'])
def test_masks_of_the_bundled_model_are_the_same(tta):
    ours, theirs = both(lambda engine: FundusVesselInferencer(device='cpu', tta=tta, options=FLOAT32, engine=engine))
    for side in (90, 131):  # two sizes, one session
        picture = synthetic_fundus(side, side)[0]
        one, other = ours.predict(picture), theirs.predict(picture)
        assert np.abs(one.probability - other.probability).max() < 1e-4 and (one.mask != other.mask).mean() < 1e-4
        assert one.mask.any()


@pytest.mark.parametrize('test_cfg', ["mode='slide', crop_size=(48, 48), stride=(32, 32)", "mode='whole', size=(64, 80)"])
def test_an_encoder_windows_and_sizes_too(infer, test_cfg):
    ours, theirs = both(lambda engine: infer(f'model["test_cfg"].update({test_cfg})', engine=engine))
    picture = synthetic_fundus(3, 100)[0][:, :77]
    assert np.abs(ours.predict(picture).probability - theirs.predict(picture).probability).max() < 1e-4


def test_an_ensemble_keeps_its_spread(tiny_checkpoint, tmp_path):
    config, checkpoint = tiny_checkpoint()
    other = tmp_path / 'other.pth'
    found = importlib.import_module('torch').load(checkpoint, weights_only=False)
    found['state_dict'] = {name: value * 1.1 if 'conv_seg' in name else value for name, value in found['state_dict'].items()}
    importlib.import_module('torch').save(found, other)
    ours, theirs = both(lambda engine: FundusVesselInferencer(config, [checkpoint, other], device='cpu', engine=engine))
    picture = synthetic_fundus(3, 80)[0]
    one, same = ours.predict(picture), theirs.predict(picture)
    assert one.spread.max() > 0 and np.abs(one.spread - same.spread).max() < 1e-4
    assert np.abs(one.probability - same.probability).max() < 1e-4


def test_it_does_not_change_the_model(infer):
    ours = infer()
    picture = synthetic_fundus(3, 80)[0]
    before = ours.predict(picture).probability
    OnnxNetwork(ours.model)
    assert np.array_equal(before, ours.predict(picture).probability)


def test_maps_for_all_poses_need_torch(infer):
    with pytest.raises(ConfigError, match=r"engine onnx: model.test_cfg.encoder=.*'torch', or test_cfg.encoder=None"):
        infer("model['test_cfg'].update(mode='whole', encoder=dict())", engine='onnx')


@pytest.mark.parametrize(
    'given, words',
    [
        (dict(engine='tensorrt'), "engine 'tensorrt' is unknown; 'torch' or 'onnx'"),
        (dict(engine='onnx', device='cuda'), 'engine onnx computes on the CPU, not on cuda'),
        (dict(engine='onnx', device='gpu'), "device 'gpu' is unknown"),
    ],
    ids=['another engine', 'a GPU', 'no device'],
)
def test_what_it_cannot_do_is_said_first(given, words):
    with pytest.raises(ConfigError, match=words):
        FundusVesselInferencer('missing.py', 'missing.pth', **given)


def test_a_missing_package_is_named(monkeypatch):
    def missing(name):
        raise ImportError(f'No module named {name!r}')

    monkeypatch.setattr(importlib, 'import_module', missing)
    with pytest.raises(ExportError, match='pip install onnx onnxruntime'):
        FundusVesselInferencer(device='cpu', engine='onnx')


def test_a_network_that_computes_something_else_is_refused(infer, monkeypatch):
    class Wrong:
        def run(self, outputs, inputs):
            number, _, height, width = inputs['picture'].shape
            return [np.ones((number, 2, height, width), np.float32)]

    monkeypatch.setattr('mmseg_fundus.export.network.open_session', lambda path: Wrong())
    with pytest.raises(ExportError, match="engine onnx: the network differs from torch's"):
        infer(engine='onnx')


@pytest.mark.parametrize('first, second', [({}, {'engine': 'onnx'}), ({'engine': 'onnx'}, {})])
def test_a_folder_is_not_continued_by_another_engine(tmp_path, first, second):
    PredictionFolder(tmp_path, ['mask'], settings={'threshold': 0.5, **first})
    with pytest.raises(ConfigError, match='made otherwise .other engine,'):
        PredictionFolder(tmp_path, ['mask'], settings={'threshold': 0.5, **second})
    assert json.loads((tmp_path / 'settings.json').read_text()).get('engine') == first.get('engine')


def test_the_engine_is_among_the_settings_of_a_prediction(infer):
    assert infer(engine='onnx').settings['engine'] == 'onnx' and 'engine' not in infer().settings

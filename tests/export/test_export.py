"""Exported models compute what PyTorch does, at any size, and say how to predict."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmseg.models.utils import Upsample
from mmseg.registry import MODELS

from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.export import TOLERANCE, ExportError, VesselGraph, compare, export_onnx

from .models import HEADS, small_model


@pytest.fixture
def model(tiny_config):
    def build(*args, **kwargs):
        return small_model(tiny_config(), *args, **kwargs)

    return build


def onnx_runner(path):
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return lambda pictures: session.run(['probability', 'log_odds'], {'picture': pictures})


@pytest.mark.slow
@pytest.mark.parametrize('head', HEADS)
def test_onnx_is_pytorch_at_three_sizes_and_others(model, tmp_path, head):
    segmentor = model(head)
    differences = export_onnx(segmentor, tmp_path / 'a.onnx')
    assert [difference.size for difference in differences] == [(1, 224, 224), (2, 192, 320), (1, 117, 161)]
    assert all(difference.probability < TOLERANCE and difference.largest > 0.5 for difference in differences)
    compare(segmentor, onnx_runner(tmp_path / 'a.onnx'), [(3, 64, 64), (5, 33, 16), (1, 5, 7), (1, 80, 112)])


@pytest.mark.slow
def test_every_size_is_dynamic(model, tmp_path):
    export_onnx(model(), tmp_path / 'a.onnx')
    graph = onnx.load(str(tmp_path / 'a.onnx')).graph
    shapes = {value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] for value in (*graph.input, *graph.output)}
    assert shapes == {
        'picture': ['batch', 3, 'height', 'width'],
        'probability': ['batch', 1, 'height', 'width'],
        'log_odds': ['batch', 1, 'height', 'width'],
    }


@pytest.mark.slow
def test_pictures_are_rgb_of_0_to_255(model, tmp_path):
    segmentor = model()
    export_onnx(segmentor, tmp_path / 'a.onnx')
    picture = synthetic_fundus(3, 64)[0]
    bgr = torch.from_numpy(picture[:, :, ::-1].transpose(2, 0, 1).copy())
    (sample,) = segmentor.test_step(dict(inputs=[bgr], data_samples=None))
    probability, _ = onnx_runner(tmp_path / 'a.onnx')(picture.transpose(2, 0, 1)[None].astype(np.float32))
    np.testing.assert_allclose(probability[0, 0], sample.seg_logits.data.softmax(0)[1].numpy(), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    'changes',
    [
        {'model.backbone.precision': 'bfloat16', 'model.precision': 'bfloat16'},
        {'model.data_preprocessor': dict(_delete_=True, type='SegDataPreProcessor', mean=[30, 60, 90], std=[40, 50, 60])},
        {'model.data_preprocessor': dict(_delete_=True, type='SegDataPreProcessor', bgr_to_rgb=True)},
        {'model.backbone.norm_outputs': True, 'model.neck.fusion': 'top_down', 'model.backbone.trainable_blocks': 1},
        {'model.backbone.patch_size': 8, 'model.backbone.weights': 'random', 'model.decode_head': dict(patch_size=8, stage_channels=None)},
    ],
    ids=['bfloat16', 'BGR', 'not normalised', 'top down', 'patch 8'],
)
def test_other_settings(model, tmp_path, changes):
    segmentor = model(**changes)
    before = {name: tensor.clone() for name, tensor in segmentor.state_dict().items()}
    precision = segmentor.precision, segmentor.backbone.precision
    export_onnx(segmentor, tmp_path / 'a.onnx')
    assert (segmentor.precision, segmentor.backbone.precision) == precision
    assert all(torch.equal(tensor, before[name]) for name, tensor in segmentor.state_dict().items())


@pytest.mark.slow
def test_metadata_say_how_to_predict(model, tmp_path):
    slide = dict(mode='slide', crop_size=(48, 64), stride=(32, 32), zoom=1.5, threshold=0.4, tta=dict(turns=False))
    segmentor = model(test_cfg=slide)
    export_onnx(segmentor, tmp_path / 'a.onnx', facts=dict(config='a.py', threshold=0.3))
    session = onnxruntime.InferenceSession(str(tmp_path / 'a.onnx'), providers=['CPUExecutionProvider'])
    facts = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    assert facts['mode'] == 'slide' and facts['crop_size'] == [48, 64] and facts['stride'] == [32, 32] and facts['zoom'] == 1.5
    assert facts['poses'] == [[1.0, False, 0], [1.0, True, 0], [1.0, True, 2], [1.0, False, 2]]
    assert facts['config'] == 'a.py' and facts['threshold'] == 0.3 and facts['classes'] == ['background', 'vessel']
    assert facts['weights_sha256'] == segmentor.backbone.source.sha256 and len(facts['mean']) == len(facts['std']) == 3


@pytest.mark.slow
def test_a_model_that_differs_is_not_kept(model, tmp_path):
    segmentor = model('detail', **{'model.decode_head.context': 'noise'})
    folder = tmp_path / 'out'
    with pytest.raises(ExportError, match='not the same as PyTorch.*224 x 224: probability'):
        export_onnx(segmentor, folder / 'a.onnx')
    assert not list(folder.iterdir())


@pytest.mark.parametrize('wrong', [np.nan, 2e-4])
def test_small_and_undefined_differences_count(model, wrong):
    graph = VesselGraph(model())

    @torch.no_grad()
    def run(pictures):
        probability, log_odds = (output.numpy() for output in graph(torch.from_numpy(pictures)))
        return probability + wrong, log_odds

    with pytest.raises(ExportError, match='not the same as PyTorch'):
        compare(graph.model, run, [(1, 64, 64)])


def test_a_fixed_size_is_found(model):
    graph = VesselGraph(model())
    with pytest.raises(ExportError, match='fixed sizes'):
        compare(graph.model, lambda pictures: [np.zeros((1, 1, 64, 64), np.float32)] * 2, [(2, 64, 64)])


def test_an_old_opset_is_one_line(model, tmp_path):
    with pytest.raises(ExportError, match='opset 13') as caught:
        export_onnx(model(), tmp_path / 'out' / 'a.onnx', opset=13)
    assert '\n' not in str(caught.value) and not list((tmp_path / 'out').iterdir())


def test_a_file_that_is_there_stays(model, tmp_path):
    (tmp_path / 'a.onnx').write_text('mine')
    with pytest.raises(ExportError, match='exists'):
        export_onnx(model(), tmp_path / 'a.onnx')
    assert (tmp_path / 'a.onnx').read_text() == 'mine'


@pytest.mark.parametrize('package', ['onnx', 'onnxruntime'])
def test_a_missing_package_is_named_with_what_installs_it(model, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExportError, match=rf'{package}.*pip install onnx onnxruntime$'):
        export_onnx(model(), tmp_path / 'a.onnx')


def test_other_segmentors_are_refused():
    with pytest.raises(ConfigError, match='VesselSegmentor'):
        VesselGraph(MODELS.get('EncoderDecoder').__new__(MODELS.get('EncoderDecoder')))


@pytest.mark.slow
def test_mmseg_is_as_it_was_after_an_export(model, tmp_path):
    forward = Upsample.forward
    export_onnx(model('paper'), tmp_path / 'a.onnx')
    assert Upsample.forward is forward

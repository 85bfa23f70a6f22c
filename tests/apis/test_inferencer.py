"""Arrays or paths in; mask, probability, field of view and measurements out."""

import io

import numpy as np
import pytest
import torch
from mmseg.apis import inference_model, init_model
from PIL import Image

from mmseg_fundus.apis import FundusVesselInferencer
from mmseg_fundus.datasets.fov import find_fov
from mmseg_fundus.datasets.reading import read_picture
from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.errors import CheckpointError, ConfigError, DataError
from mmseg_fundus.models.segmentors.norms import norms_in_convolutions


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:dataset_meta or class names')
def test_a_file_and_its_array_give_the_same_vessels_as_mmsegmentation(infer, tiny_checkpoint, drive_like):
    path = drive_like / 'test/images/01_test.tif'
    eye = infer()(path)
    same = infer()(read_picture(path))
    assert np.array_equal(eye.probability, same.probability) and (eye.name, same.name) == ('01_test.tif', 'picture 0')
    assert eye.mask.dtype == eye.fov.dtype == bool and eye.probability.dtype == np.float32
    assert eye.mask.shape == eye.fov.shape == eye.probability.shape == (64, 64) and 0 < eye.probability.max() < 1
    assert np.array_equal(eye.fov, find_fov(read_picture(path)).astype(bool)) and not eye.probability[~eye.fov].any()
    theirs = inference_model(init_model(*map(str, tiny_checkpoint()), device='cpu'), str(path))
    assert np.allclose(theirs.seg_logits.data.softmax(0)[1].numpy()[eye.fov], eye.probability[eye.fov], atol=1e-6)


def test_several_inputs_come_back_in_order_and_grey_is_a_colour(infer):
    grey = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
    first, second = infer()([grey, np.repeat(grey[..., None], 3, 2)])
    assert np.array_equal(first.probability, second.probability) and [first.name, second.name] == ['picture 0', 'picture 1']
    assert infer()([]) == []


def test_arrays_tensors_pictures_of_pil_and_folders_are_photographs(infer, drive_like):
    folder, predict = drive_like / 'test/images', infer()
    eyes = predict(folder)
    assert [eye.name for eye in eyes] == sorted(path.name for path in folder.iterdir())
    picture = read_picture(folder / eyes[0].name)
    grey = picture.copy()
    grey[:] = picture[:, :, :1]
    tensor = torch.from_numpy(picture.copy()).permute(2, 0, 1)
    for same in (predict(picture), predict(tensor), predict(Image.fromarray(picture)), predict(Image.fromarray(picture).convert('RGBA'))):
        assert np.array_equal(same.probability, eyes[0].probability)
    assert np.array_equal(predict(torch.from_numpy(grey)[None, :, :, 0]).picture, grey)


def test_a_prediction_shows_itself(infer, drive_like):
    eye = infer()(drive_like / 'test/images/01_test.tif')
    shown = Image.open(io.BytesIO(eye._repr_png_()))
    assert np.array_equal(np.asarray(shown), eye.draw())


def test_a_prediction_is_saved_as_the_tool_saves_it_and_nothing_is_lost(infer, drive_like, tmp_path):
    eye = infer()(drive_like / 'test/images/01_test.tif')
    assert eye.save(tmp_path / 'out') == tmp_path / 'out'
    kinds = ('fov', 'mask', 'measurements', 'overlay', 'probability')
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [*kinds, 'settings.json']
    assert np.array_equal(np.asarray(Image.open(tmp_path / 'out/mask/01_test.png')) > 0, eye.mask)
    with pytest.raises(ConfigError, match='mask/01_test.png is there already'):
        eye.save(tmp_path / 'out', ['mask'])
    eye.save(tmp_path / 'out', ['mask'], overwrite=True)
    with pytest.raises(ConfigError, match='holds predictions made otherwise'):
        infer(threshold=0.3)(drive_like / 'test/images/02_test.tif').save(tmp_path / 'out')
    with pytest.raises(ConfigError, match="'index' is a page of many pictures"):
        eye.save(tmp_path / 'other', ['index'])


def test_the_field_of_view_is_found_given_or_the_frame(infer, drive_like):
    path = drive_like / 'test/images/02_test.tif'
    mask = np.zeros((64, 64), np.uint8)
    mask[10:20, 10:20] = 255
    given, frame = infer()(path, fov=mask), infer()(path, fov=None)
    assert np.array_equal(given.fov, mask > 0) and given.measurements['fov_area_px2'] == 100 and frame.fov.all()


def test_the_threshold_is_the_callers_else_the_checkpoints_else_the_configs(infer, drive_like):
    stored = dict(threshold=dict(threshold=0.31))
    assert infer(threshold=0.2, meta=stored).threshold == 0.2 and infer(meta=stored).threshold == 0.31
    assert infer('model["test_cfg"]["threshold"] = 0.4').threshold == 0.4 and infer().threshold == 0.5
    eye = infer(threshold=0.45)(drive_like / 'test/images/01_test.tif')
    assert np.array_equal(eye.mask, (eye.probability > 0.45) & eye.fov)


def test_poses_are_averaged_where_they_are_asked_for(infer, drive_like):
    path = drive_like / 'test/images/01_test.tif'
    plain, averaged = infer()(path), infer(tta=True)(path)
    assert not np.allclose(plain.probability, averaged.probability) and abs(plain.probability - averaged.probability).mean() < 0.1


@pytest.mark.parametrize('shape', [(1, 1, 3), (3, 200, 3), (97, 31, 3)])
def test_pictures_of_any_size_come_back_at_their_own(infer, shape):
    eye = infer()(np.full(shape, 90, np.uint8))
    assert eye.mask.shape == shape[:2] and np.isfinite(eye.probability).all() and eye.draw().ndim == 3


@pytest.mark.parametrize(
    'item, words',
    [
        (np.zeros((4, 4, 4), np.uint8), r'\(H, W, 3\) or \(H, W\) of uint8 was expected, got \(4, 4, 4\) of uint8'),
        (np.zeros((4, 4)), 'got .* of float64'),
        (np.zeros((0, 4), np.uint8), 'was expected'),
        (7, 'got int'),
        ([7], 'picture 0: a file name, an array, a tensor or a picture of PIL was expected, got int'),
        (torch.zeros(3, 4, 4), r'a tensor \(3, H, W\) or \(1, H, W\) of uint8 .* was expected, got \(3, 4, 4\) of float32'),
        (torch.zeros((4, 5, 3), dtype=torch.uint8), r'got \(4, 5, 3\) of uint8'),
        (Image.new('I;16', (4, 4)), 'got mode I;16'),
        ('none.png', 'none.png: file not found'),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_picture_is_named(infer, item, words):
    with pytest.raises(DataError, match=words):
        infer()(item)


def test_contradictions_are_refused(infer, tmp_path, tiny_config):
    for options, words in (
        (dict(threshold=1.5), 'threshold=1.5 must lie in'),
        (dict(field_angle=0), 'field_angle=0 must lie in'),
        (dict(options={'modle.test_cfg': 1}), "no 'modle'"),
    ):
        with pytest.raises(ConfigError, match=words):
            infer(**options)
    with pytest.raises(DataError, match='fov must be'):
        infer()(np.zeros((4, 5, 3), np.uint8), fov=np.ones((5, 4)))
    with pytest.raises(DataError, match='one by one'):
        infer()([np.zeros((4, 5, 3), np.uint8)], fov=np.ones((4, 5)))


def test_a_file_that_is_no_checkpoint_is_named(tiny_config, tmp_path):
    from mmseg_fundus.apis import FundusVesselInferencer

    torch.save([1, 2], tmp_path / 'list.pth')
    with pytest.raises(CheckpointError, match='list.pth is no checkpoint of a training'):
        FundusVesselInferencer(tiny_config(), tmp_path / 'list.pth')
    with pytest.raises(ConfigError, match='this machine has'):
        FundusVesselInferencer(tiny_config(), tmp_path / 'list.pth', device='cuda:99')


def test_batch_norms_are_computed_inside_the_convolutions_with_the_same_result():
    infer = FundusVesselInferencer(device='cpu', options={'model.precision': 'float32'})  # bfloat16 would round the two otherwise
    picture = synthetic_fundus(1, 96)[0]
    norms = [module for module in infer.model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:  # as a trained one has, and no two alike
        norm.running_mean.uniform_(-0.1, 0.1)
    called = []
    for norm in norms:
        norm.register_forward_hook(lambda *found: called.append(found))
    inside = infer.predict(picture)
    assert norms and not called
    norms_in_convolutions(infer.model, on=False)
    assert np.abs(inside.probability - infer.predict(picture).probability).max() < 1e-4 and len(called) == len(norms)

"""The encoder sees a picture once, whatever poses are averaged; its maps are turned and stay over the picture, to the pixel."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_fundus.engine.feature_cache_hook import _prediction_size
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.export import prediction_facts
from mmseg_fundus.feature_cache import CachedEncoder, window_records
from mmseg_fundus.models.backbones import FrozenVisionTransformer
from mmseg_fundus.models.segmentors.predictor import Predictor
from mmseg_fundus.models.segmentors.tta import tta_poses

PIECES = dict(crop_size=(32, 48), stride=(16, 32))
SLIDE = dict(mode='slide', crop_size=(32, 32), stride=(16, 16))
SIZES = [(64, 64), (70, 53), (33, 80), (9, 21)]


class Pointwise:
    """A network whose maps are the mean colours of patches, and whose logits each pixel and its patch decide."""

    def __init__(self, patch=4, move=0):
        self.patch, self.move, self.encoded = patch, move, []

    def features(self, inputs, shown=None):
        self.encoded.append(tuple(inputs.shape))
        down, right = (-side % self.patch for side in inputs.shape[2:])
        padded = torch.nn.functional.pad(inputs, (0, right, 0, down), mode='replicate')
        return [[torch.nn.functional.avg_pool2d(padded, self.patch).roll(self.move, 3)]]

    def decoded(self, features, inputs, pose=None):
        (maps,) = features[0]
        over = maps.repeat_interleave(self.patch, 2).repeat_interleave(self.patch, 3)[:, :, : inputs.shape[2], : inputs.shape[3]]
        return torch.stack([inputs[:, 0] - over[:, 1], inputs[:, 1] * 2 + over[:, 2]], dim=1)

    def encode_decode(self, inputs, places):
        return self.decoded(self.features(inputs), inputs)


def pictures(number=2, size=(64, 96), seed=0):
    return torch.randn(number, 3, *size, generator=torch.Generator().manual_seed(seed))


def fovs(number):
    fov = np.zeros((number, 64, 96), np.uint8)
    fov[:, 8:56, 16:96] = 1  # windows of 32, 16 apart, begin with a patch of 4 in it
    return fov


@pytest.mark.parametrize('encoder', [dict(), dict(crop_size=(32, 48), stride=(16, 32)), dict(crop_size=(16, 16))], ids=str)
@pytest.mark.parametrize('tta', [False, 'flips', True, dict(scales=(1.0, 0.5))], ids=str)
@pytest.mark.parametrize('mode', [dict(), SLIDE, dict(SLIDE, zoom=0.5), dict(size=(32, 64)), dict(SLIDE, crop_to_fov=True)], ids=str)
def test_of_a_network_that_turning_changes_nothing_of_it_is_the_prediction_of_before(mode, tta, encoder):
    x = pictures()
    about = [dict(fov=fov) for fov in fovs(2)]
    network = Pointwise()
    wanted = Predictor(network.encode_decode, dict(mode, tta=tta)).predict(x, about)
    found = Predictor(network.encode_decode, dict(mode, tta=tta, encoder=encoder), parts=network).predict(x, about)
    assert found.shape == wanted.shape and torch.allclose(found, wanted, atol=1e-5)
    moved = Pointwise(move=1)
    other = Predictor(moved.encode_decode, dict(mode, tta=tta, encoder=encoder), parts=moved).predict(x, about)
    assert not torch.allclose(other, wanted, atol=1e-2), 'the maps decide'


@pytest.fixture
def build(tiny_config):
    def make(head=None, backbone=None, **test_cfg):
        cfg = Config.fromfile(tiny_config()).model
        cfg.test_cfg = test_cfg
        cfg.backbone.update(backbone or {})
        if head:
            cfg.decode_head = dict(head, in_channels=16, loss_decode=dict(type='VesselLoss'))
        torch.manual_seed(0)
        return MODELS.build(cfg).eval()

    return make


@pytest.fixture
def seen(monkeypatch):
    """Sizes of the pictures that the encoder computed."""
    seen, run = [], FrozenVisionTransformer.forward
    monkeypatch.setattr(FrozenVisionTransformer, 'forward', lambda self, x: (seen.append(tuple(x.shape)), run(self, x))[1])
    return seen


def predict(model, x, about=None):
    with torch.no_grad():
        return model.inference(x, about or [{}] * len(x))


DETAIL = dict(type='VesselDetailHead', patch_size=None, detail_channels=(4, 8), local_contrast=5)


@pytest.mark.parametrize('tta', [False, 'flips', True], ids=str)
def test_the_encoder_runs_once_however_many_poses_there_are(build, seen, tta):
    x = pictures(1, (70, 53))
    predict(build(DETAIL, mode='whole', encoder=dict(), tta=tta), x)
    assert seen == [(1, 3, 80, 64)]
    seen.clear()
    predict(build(DETAIL, **SLIDE, encoder=PIECES, tta=tta, window_batch=3), x)
    assert sum(shape[0] for shape in seen) == 4 * 2 and {shape[2:] for shape in seen} == {(32, 48)}
    seen.clear()
    predict(build(DETAIL, mode='whole', encoder=dict(zoom=0.5), tta=dict(scales=(1, 2))), x)
    assert [shape[2:] for shape in seen] == [(48, 32), (80, 64)], 'once for each scale'


def test_pieces_that_see_nothing_of_the_field_of_view_are_not_computed(build, seen):
    fov = np.zeros((1, 64, 320), np.uint8)
    fov[:, 20:40, 5:30] = 1
    model = build(DETAIL, mode='whole', encoder=dict(crop_size=(64, 64)), tta=True)
    found = predict(model, pictures(1, (64, 320)), [dict(fov=fov[0])])
    assert seen == [(1, 3, 64, 64)] and (found[0, 0][torch.from_numpy(fov[0]) == 0] == 10).all()
    assert predict(model, pictures(1, (64, 96)), [dict(fov=fov[0, :, :96] * 0)]).shape == (1, 2, 64, 96)


class Marking(torch.nn.Module):
    """In the place of a decode head: says which patch's map lies over a pixel, and what the pixel is."""

    needs_picture = 'normalised'

    def forward(self, features, picture):
        (maps,) = features
        factor = picture.shape[2] // maps.shape[2]
        return torch.cat([maps[:, :1].repeat_interleave(factor, 2).repeat_interleave(factor, 3), picture[:, :1]], dim=1)


@pytest.mark.parametrize('size', SIZES, ids=str)
@pytest.mark.parametrize('patch', [16, 14])
@pytest.mark.parametrize('pose', tta_poses(True), ids=str)
def test_turned_maps_lie_over_the_turned_picture(build, tiny_vit, size, patch, pose):
    """Each pixel comes back with its own value and with the map of the patch that it is in."""
    model, (height, width) = build(mode='whole'), size
    model.backbone.patch_size = patch
    rows, columns = -(-height // patch), -(-width // patch)
    number = torch.arange(rows * columns, dtype=torch.float32).view(1, 1, rows, columns)
    x = pictures(1, size)
    found = model.decode((number,), x, Marking(), pose)
    wanted = number.repeat_interleave(patch, 2).repeat_interleave(patch, 3)[0, 0, :height, :width]
    assert torch.equal(found[0, 0], wanted) and torch.equal(found[0, 1], x[0, 0])


@pytest.mark.parametrize('head', [None, DETAIL, dict(DETAIL, sees='contrast')], ids=['upsampling', 'detail', 'contrast'])
def test_without_a_pose_it_is_the_prediction_of_the_whole_picture(build, head):
    x = pictures(1, (70, 53))
    assert torch.allclose(predict(build(head, mode='whole', encoder=dict()), x), predict(build(head, mode='whole'), x), atol=1e-5)
    assert torch.allclose(
        predict(build(head, **SLIDE, encoder=dict(crop_size=(96, 96))), x), predict(build(head, mode='whole'), x), atol=1e-5
    )


def test_each_member_of_an_ensemble_has_its_own_maps(build, tiny_config):
    cfg = Config.fromfile(tiny_config()).model
    cfg.update(type='VesselEnsemble', members=2)
    cfg.test_cfg = dict(mode='whole', encoder=PIECES, tta=True)
    torch.manual_seed(0)
    both, x = MODELS.build(cfg).eval(), pictures(1, (70, 53))
    found = predict(both, x)
    for member in range(2):
        one = build(mode='whole', encoder=PIECES, tta=True)
        neck, head = (both.neck, both.decode_head) if member == 0 else (both.others[0]['neck'], both.others[0]['decode_head'])
        one.neck.load_state_dict(neck.state_dict())
        one.decode_head.load_state_dict(head.state_dict())
        own = found[:, 2 * member : 2 * member + 2].softmax(1)
        assert torch.allclose(own, predict(one, x).softmax(1), atol=1e-5), member
    assert found.shape == (1, 4, 70, 53)


def test_the_encoders_zoom_keeps_maps_over_the_picture(build):
    """Maps that say where their patch is, resampled from a smaller picture, say it still."""

    class Where(Pointwise):
        def features(self, inputs, shown=None):
            rows, columns = (-(-side // self.patch) for side in inputs.shape[2:])
            y, x = torch.meshgrid(
                (torch.arange(rows) + 0.5) / inputs.shape[2], (torch.arange(columns) + 0.5) / inputs.shape[3], indexing='ij'
            )
            return [[self.patch * torch.stack([y, x])[None]]]  # of the middle of a patch: 0 to 1 over the picture

        def decoded(self, features, inputs, pose=None):
            self.maps = features[0][0]
            return inputs[:, :2]

    network, x = Where(), pictures(1, (75, 54))
    Predictor(None, dict(encoder=dict(zoom=0.6)), parts=network).predict(x, [{}])
    found, exact = network.maps, Where().features(x)[0][0]
    assert found.shape == exact.shape and (found - exact).abs()[:, :, 1:-1, 1:-1].max() < 1e-5


def test_kept_maps_serve_all_poses_and_give_the_same(build, seen, tmp_path):
    x, about = pictures(1, (70, 53)), [dict(name='eye', fov=np.ones((70, 53), np.uint8), field_angle=45)]

    def cached(**test_cfg):
        model = build(DETAIL, **test_cfg)
        model.use_encoder(CachedEncoder(model.encoder, window_records(tmp_path / 'cache', 'tiny')))
        return model

    for test_cfg in (dict(mode='whole'), dict(mode='whole', encoder=dict()), dict(SLIDE, encoder=PIECES), dict(encoder=dict(zoom=0.6))):
        test_cfg = dict(test_cfg, tta=test_cfg.get('encoder') is not None)
        plain = predict(build(DETAIL, **test_cfg), x, about)
        first = predict(cached(**test_cfg), x, about)
        seen.clear()
        again = predict(cached(**test_cfg), x, about)
        assert not seen and torch.equal(first, again) and torch.allclose(first.softmax(1), plain.softmax(1), atol=2e-3), test_cfg


@pytest.mark.parametrize('test_cfg', [dict(mode='whole'), SLIDE, dict(SLIDE, zoom=1.7), dict(mode='whole', size=(48, 64))], ids=str)
@pytest.mark.parametrize('encoder', [dict(), PIECES, dict(PIECES, zoom=0.7)], ids=str)
def test_the_room_of_kept_maps_is_known_before(build, real_picture, tmp_path, test_cfg, encoder):
    test_cfg = dict(test_cfg, encoder=encoder, tta=dict(scales=(1.0, 0.8)))
    model, folder = build(DETAIL, **test_cfg), tmp_path / 'cache'
    records = window_records(folder, 'tiny')
    model.use_encoder(CachedEncoder(model.encoder, records))
    predict(model, pictures(1, (70, 53)), [dict(name='eye')])
    written = sum(file.stat().st_size for file in folder.rglob('*') if file.is_file())
    assert written == _prediction_size(dict(img_path=str(real_picture)), test_cfg, model.backbone)


@pytest.fixture
def real_picture(tmp_path):
    from PIL import Image

    path = tmp_path / 'eye.png'
    Image.fromarray(np.zeros((70, 53, 3), np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    'encoder, words',
    [
        (True, 'encoder=True: expected dict'),
        (dict(crop=(32, 32)), "encoder=.*'crop'.*expected dict"),
        (dict(zoom=0), 'zoom=0 must be above 0 and at most 1'),
        (dict(zoom=1.5), 'at most 1'),
        (dict(stride=(16, 16)), 'no stride without crop_size'),
        (dict(crop_size=(32,)), r'\(height, width\) each'),
        (dict(crop_size=(32, 32), stride=(48, 16)), 'no larger than crop_size'),
        (dict(crop_size=(40, 32)), 'name multiples of 16'),
        (dict(crop_size=(32, 32), stride=(24, 32)), 'name multiples of 16'),
    ],
    ids=str,
)
def test_contradictions_are_refused(build, encoder, words):
    with pytest.raises(ConfigError, match=words):
        build(mode='whole', encoder=encoder)


def test_maps_of_another_grid_are_refused(build):
    model = build(mode='whole', encoder=dict())
    model.fuse = lambda maps, neck=None: [maps[0][:, :, ::2, ::2]]
    with pytest.raises(ConfigError, match='a map of 2x2 comes out .* patches of 16 make 4x4; .*encoder=None'):
        predict(model, pictures(1, (64, 64)))


def test_an_export_that_would_predict_otherwise_is_refused(build):
    with pytest.raises(ConfigError, match='model.test_cfg.encoder=None'):
        prediction_facts(build(**SLIDE, encoder=PIECES))
    assert 'encoder' not in prediction_facts(build(**SLIDE, encoder=None))


def test_flips_are_four_poses_without_turns():
    assert tta_poses('flips') == tta_poses(dict(turns=False)) and len(tta_poses('flips')) == 4
    with pytest.raises(ConfigError, match="expected True, False, 'flips'"):
        tta_poses('turns')

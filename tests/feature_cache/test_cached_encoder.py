"""An encoder whose maps are kept: found by what an input shows, in whatever order it is asked; and never where they may be stale."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, pseudo_collate
from mmseg.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader

from mmseg_fundus.datasets import DRIVEVesselDataset, ViewSampler
from mmseg_fundus.engine import FeatureCacheHook
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.feature_cache import CachedEncoder, MapKey, window_records
from mmseg_fundus.geometry import Place
from mmseg_fundus.models.backbones import FrozenVisionTransformer

SLIDE = dict(mode='slide', crop_size=(32, 32), stride=(16, 16), window_batch=3)


@pytest.fixture
def seen(monkeypatch):
    """Sizes of the batches that an encoder computed."""
    seen, run = [], FrozenVisionTransformer.forward
    monkeypatch.setattr(FrozenVisionTransformer, 'forward', lambda self, x: (seen.append(len(x)), run(self, x))[1])
    return seen


@pytest.fixture
def build(tiny_config):
    def make(**test_cfg):
        cfg = Config.fromfile(tiny_config()).model
        cfg.test_cfg = test_cfg
        torch.manual_seed(0)
        return MODELS.build(cfg).eval()

    return make


@pytest.fixture
def cached(build, tmp_path):
    def make(**test_cfg):
        model = build(**test_cfg)
        model.use_encoder(CachedEncoder(model.encoder, window_records(tmp_path / 'cache', 'tiny')))
        return model

    return make


def pictures(number=1, size=(70, 53), seed=0):
    return torch.randn(number, 3, *size, generator=torch.Generator().manual_seed(seed))


def metas(number=1, size=(70, 53), **more):
    return [dict(name=f'eye{i}', fov=np.ones(size, np.uint8), field_angle=45, **more) for i in range(number)]


def predict(model, x, about=None):
    with torch.no_grad():
        return model.inference(x, about or metas(len(x)))


def test_windows_are_found_whatever_batches_and_order_they_come_in(cached, seen):
    x = pictures(2)
    first = predict(cached(**SLIDE), x)
    assert sum(seen) > 20
    seen.clear()
    assert torch.equal(predict(cached(**SLIDE), x), first) and not seen
    for turned in ([1, 0], [1], [0]):
        found = predict(cached(**{**SLIDE, 'window_batch': 7}), x[turned], [metas(2)[i] for i in turned])
        assert torch.allclose(found, first[turned], atol=1e-5) and not seen, turned


def test_a_window_that_another_way_of_predicting_shares_is_found_and_others_are_computed(cached, seen):
    x = pictures()
    predict(cached(**SLIDE), x)
    count = sum(seen)
    seen.clear()
    predict(cached(**{**SLIDE, 'stride': (32, 32)}), x)
    assert count == 12 and sum(seen) == 2, 'of 3 x 2 windows, those in the corners were there'
    for change in (dict(zoom=1.3), dict(crop_size=(48, 48))):
        seen.clear()
        predict(cached(**{**SLIDE, **change}), x)
        assert sum(seen) >= 4, change


def test_an_input_that_nothing_is_known_of_is_computed_beside_one_that_is(cached, seen):
    encoder, x = cached().encoder, pictures(2, (32, 32))
    place = Place.whole(x[0], metas(size=(32, 32))[0])
    with torch.no_grad():
        first, again = (encoder(x, [place, None]) for _ in range(2))
    assert seen == [2, 1] and all(torch.allclose(a, b, atol=1e-3) for a, b in zip(first, again))


@pytest.mark.slow
def test_each_part_of_what_an_input_shows_tells_its_maps_from_others(cached, seen):
    x, half = pictures(size=(64, 64)), np.zeros((64, 64), np.uint8)
    half[16:48, 16:48] = 1
    whole = metas(size=(64, 64))
    ways = [
        (dict(mode='whole'), x, whole),
        (dict(mode='whole', size=(32, 32)), x, whole),
        (dict(mode='whole', size=(32, 32), crop_to_fov=True), x, [dict(whole[0], fov=half)]),
        (dict(mode='whole', size=(32, 32)), x, [dict(whole[0], fov=half)]),
        (dict(SLIDE, stride=(32, 32)), x, whole),
        (dict(mode='whole'), x + 1e-3, whole),
        (dict(mode='whole'), x, [dict(whole[0], fov=half)]),
        (dict(mode='whole'), x, [dict(whole[0], field_angle=30)]),
        (dict(mode='whole'), x, [dict(whole[0], name='other')]),
    ]
    for turn in range(2):
        for number, (test_cfg, inputs, about) in enumerate(ways):
            seen.clear()
            found = predict(cached(**test_cfg), inputs, about)
            assert sum(seen) == (turn == 0) * (4 if 'stride' in test_cfg else 1), (turn, number)
            assert torch.allclose(found, predict(cached(**test_cfg), inputs, about), atol=1e-6)


def test_test_time_augmentation_and_a_call_by_itself_keep_all_their_precision(cached, build, seen, tmp_path):
    x = pictures()
    model, plain = cached(**SLIDE, tta=True), build(**SLIDE, tta=True)
    assert torch.equal(predict(model, x), predict(plain, x))
    model, plain = cached(**SLIDE), build(**SLIDE)
    with torch.no_grad():
        assert torch.equal(model(x), plain(x))
        assert torch.equal(model.encode_decode(x, metas()), plain(x)), "mmseg's metainfo is no place"
    assert not (tmp_path / 'cache').exists()
    model.use_encoder(CachedEncoder(model.backbone))
    assert torch.equal(predict(model, x), predict(plain, x)), 'without a folder for windows nothing is rounded'


def test_kept_maps_have_the_precision_of_the_disk_from_the_first(cached, build):
    x = pictures()
    first, again, plain = predict(cached(**SLIDE), x), predict(cached(**SLIDE), x), predict(build(**SLIDE), x)
    assert torch.equal(first, again) and not torch.equal(first, plain) and torch.allclose(first, plain, atol=0.05)


def test_a_model_with_it_has_the_same_names_and_loads_what_it_saved(cached, build):
    model, plain = cached(**SLIDE), build(**SLIDE)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert {name.partition('.')[0] for name, _ in model.named_modules()} == {name.partition('.')[0] for name, _ in plain.named_modules()}
    plain.load_state_dict(model.state_dict())
    model.load_state_dict(plain.slim_state_dict(plain.state_dict()))


def test_a_copy_of_the_model_has_its_own_encoder_and_the_same_maps(cached, seen):
    model, x = cached(**SLIDE), pictures()
    first = predict(model, x)
    other = copy.deepcopy(model)
    assert other.encoder is not model.encoder and other.encoder.encoder is other.backbone is not model.backbone
    seen.clear()
    assert torch.equal(predict(other, x), first) and not seen
    other.backbone.layers[3].requires_grad_(True)
    predict(other, x)
    assert seen and other.encoder.off and not model.encoder.off


def test_another_backbone_put_in_later_is_called_itself(cached, build, other_weights):
    model, x = cached(**SLIDE), pictures()
    first, encoder = predict(model, x), model.encoder
    backbone = model.backbone
    model.backbone = copy.deepcopy(backbone)
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.mul_(1.1)
    assert model.encoder is model.backbone and (predict(model, x) - first).abs().max() > 0.01
    model.backbone = backbone
    assert model.encoder is encoder and torch.equal(predict(model, x), first)


@pytest.mark.parametrize('change', ['trained', 'trained for a while', 'make_plain'])
def test_an_encoder_that_may_have_changed_is_not_remembered(cached, seen, change):
    model, x = cached(**SLIDE), pictures()
    predict(model, x)
    if change == 'make_plain':
        model.encoder.make_plain()
    else:
        model.backbone.layers[0].requires_grad_(True)
        predict(model, x)
        model.backbone.layers[0].requires_grad_(change == 'trained')
    seen.clear()
    predict(model, x)
    assert sum(seen) > 10 and model.encoder.off


def test_the_contract_is_kept(cached):
    encoder = cached().encoder
    inner = encoder.encoder
    for name in ('source', 'patch_size', 'embed_dims', 'normalisation', 'has_weights', 'in_weights_file', 'trainable'):
        assert getattr(encoder, name) == getattr(inner, name), name
    for name in ('own_tensors', 'fingerprint', 'identity', 'why_unknown', 'check_trainable'):
        found, wanted = getattr(encoder, name)(), getattr(inner, name)()
        assert found.keys() == wanted.keys() if name == 'own_tensors' else found == wanted, name
    assert encoder.map_shape(50, 70) == inner.map_shape(50, 70)
    assert not isinstance(encoder, nn.Module)


# ---- several data sets in one training


def leaf(root, angle):
    view = dict(size=(32, 32), zoom=1.0, pixels_per_degree=1.0)
    return DRIVEVesselDataset(root, 'train', augmentation=view, field_angle=angle, verify=False)


def run_epoch(model, loader):
    keys = []
    for batch in DataLoader(loader.dataset, 2, sampler=loader.sampler, collate_fn=pseudo_collate):
        keys += [sample.shown for sample in batch['data_samples']]
        model.loss(**model.data_preprocessor(batch, training=True))
    return keys


def test_each_data_set_of_a_training_has_its_own_files_at_its_own_angle(build, drive_like, seen, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_fundus.engine.feature_cache_hook.print_log', lambda text, **kwargs: said.append(text))

    def start(*angles):
        dataset = ConcatDataset([leaf(drive_like, angle) for angle in angles])
        loader = DataLoader(dataset, sampler=ViewSampler(dataset, views=2, seed=0, shuffle=False))
        model = build().train()
        assert FeatureCacheHook(str(tmp_path / 'cache')).connect(model, loader, epochs=1)
        seen.clear()
        return model, loader, run_epoch(model, loader)

    model, loader, keys = start(45, 30)
    assert sum(seen) == len(keys) == 10 and all(isinstance(key, MapKey) and key.maps is None for key in keys)
    assert len({key.folder for key in keys[:5]}) == len({key.folder for key in keys[5:]}) == 1
    assert keys[0].folder != keys[5].folder and keys[0].name == keys[5].name
    assert len(list((tmp_path / 'cache').iterdir())) == 4
    assert '5 pictures x 1 views x 0.01 MB, 5 pictures x 1 views x 0.01 MB' in said[-1], said
    seen.clear()
    again = run_epoch(model, loader)
    assert not seen and all(key.maps is not None for key in again)
    *_, alone = start(30)
    assert not seen and [key[:4] for key in alone] == [key[:4] for key in keys[5:]], 'what a training on one of them finds'


def test_the_sizes_of_all_data_sets_count(build, drive_like, tmp_path, monkeypatch):
    dataset = ConcatDataset([leaf(drive_like, 45), leaf(drive_like, 30)])
    loader = DataLoader(dataset, sampler=ViewSampler(dataset, views=2, seed=0))
    monkeypatch.setattr('mmseg_fundus.engine.feature_cache_hook.print_log', lambda text, **kwargs: None)
    model, one = build(), 5 * 2 * (4 * 32 * 32 + 8 + 4 * 2 * 2 * 48 * 2 + 8)  # views and maps, of 5 pictures 2 each
    with pytest.raises(ConfigError, match='max_gb'):
        FeatureCacheHook(str(tmp_path / 'cache'), max_gb=1.9 * one / 1e9).connect(model, loader)
    assert FeatureCacheHook(str(tmp_path / 'cache'), max_gb=2.01 * one / 1e9).connect(model, loader)


class Changing(ConcatDataset):
    """Somebody's wrapper."""


def test_a_wrapper_that_may_change_the_pictures_keeps_nothing(build, drive_like, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_fundus.engine.feature_cache_hook.print_log', lambda text, **kwargs: said.append(text))
    dataset = Changing([leaf(drive_like, 45)])
    loader = DataLoader(dataset, sampler=ViewSampler(dataset, views=2, seed=0))
    assert not FeatureCacheHook(str(tmp_path / 'cache')).connect(build(), loader)
    assert said == ['feature cache: off, the training data set is in a Changing, which may change its pictures']

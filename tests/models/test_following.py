"""What is left open in a config follows the encoder, and a decoder is used with the normalisation that it was trained with."""

import logging

import pytest
import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import load_state_dict as mmengine_load
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tiny import TINY

from mmseg_fundus.errors import CheckpointError, ConfigError
from mmseg_fundus.models import data_preprocessor, following
from mmseg_fundus.models.data_preprocessor import VISIONFM
from mmseg_fundus.models.encoders import Normalisation

IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
EXPLICIT = f"model['data_preprocessor'] = dict(type='FundusDataPreprocessor', mean={IMAGENET.mean}, std={IMAGENET.std})"
BY_CHECKPOINT = "model['backbone']['weights'] = 'from_checkpoint'"
OPEN = "model['neck']['in_channels'] = None"


@pytest.fixture
def said(monkeypatch):
    """(level, text) of each line about what follows the encoder."""
    lines = []

    def note(text, logger=None, level=logging.INFO):
        lines.append((level, text))

    for module in (following, data_preprocessor):
        monkeypatch.setattr(module, 'print_log', note)
    return lines


@pytest.fixture
def build(tiny_config):
    def make(extra=''):
        torch.manual_seed(0)
        return MODELS.build(Config.fromfile(tiny_config(extra)).model).eval()

    return make


@pytest.fixture
def family(monkeypatch):
    """Says what the tiny encoder's family was trained with."""

    def set_to(normalisation):
        found = property(lambda self: normalisation if self.source else None)
        monkeypatch.setattr('mmseg_fundus.models.FrozenVisionTransformer.normalisation', found)

    return set_to


def used(model):
    return data_preprocessor.normalisation_of(model.data_preprocessor)


# ---- sizes


def test_neck_and_head_follow_width_levels_and_patch_of_the_encoder(build):
    arch = dict(TINY, embed_dims=24)
    model = build(
        f"{OPEN}\nmodel['decode_head']['stage_channels'] = None\n"
        f"model['backbone'] = dict(model['backbone'], weights='random', arch={arch!r}, patch_size=14, out_indices=(0, 2, 3))"
    )
    assert [p.conv.in_channels for p in model.neck.projections] == [24] * 3
    assert model.decode_head.patch_size == 14 and len(model.decode_head.stages) == 4
    assert model(torch.randn(1, 3, 50, 71)).shape == (1, 2, 50, 71)


def test_a_model_whose_settings_follow_is_the_one_whose_config_names_them(build, tiny_config):
    named = build("model['neck'].update(in_channels=48, num_levels=4)\nmodel['decode_head']['patch_size'] = 16").state_dict()
    followed = build(f"{OPEN}\nmodel['neck']['num_levels'] = model['decode_head']['patch_size'] = None").state_dict()
    assert list(named) == list(followed) and all(torch.equal(followed[name], tensor) for name, tensor in named.items())


def test_building_a_model_leaves_its_config_as_it_was(tiny_config):
    cfg = Config.fromfile(tiny_config(OPEN))
    before = cfg.pretty_text
    MODELS.build(cfg.model)
    assert cfg.pretty_text == before


def test_auxiliary_heads_follow_too_and_their_loss_lies_where_the_picture_does(build):
    head = dict(
        type='VesselUpsamplingHead', in_channels=16, patch_size=None, stage_channels=(16, 16, 8, 8), loss_decode=dict(type='VesselLoss')
    )
    patch = "model['backbone'].update(patch_size=14, weights='random')\nmodel['decode_head']['patch_size'] = None\n"
    one, two = build(f"{patch}model['auxiliary_head'] = {head}"), build(f"{patch}model['auxiliary_head'] = [{head}, {head}]")
    assert one.auxiliary_head.patch_size == 14 and [head.patch_size for head in two.auxiliary_head] == [14, 14]
    one.auxiliary_head.load_state_dict(one.decode_head.state_dict())  # two heads that are the same one, for a picture that is padded
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 2, (1, 50, 71))))
    losses = one.loss(torch.randn(1, 3, 50, 71), [sample])
    for name in ('loss_ce', 'loss_dice', 'acc_seg'):
        assert torch.allclose(losses[f'aux.{name}'], losses[f'decode.{name}'], atol=1e-5), name


def test_a_backbone_that_is_not_ours_has_the_classes_own_defaults(build):
    vit = dict(type='mmseg.VisionTransformer', img_size=64, embed_dims=768, num_layers=1, num_heads=2, out_indices=(0, 0, 0, 0))
    neck = "model['neck'] = dict(type='MLAFusionNeck', in_channels=None, num_levels=None, channels=16)"
    model = build(f"model['backbone'] = dict({vit!r}, _delete_=True)\n{neck}\nmodel['decode_head']['patch_size'] = None")
    assert [p.conv.in_channels for p in model.neck.projections] == [768] * 4 and model.decode_head.patch_size == 16


def test_channels_that_are_not_the_encoders_are_refused_with_both(build):
    with pytest.raises(ConfigError, match='MLAFusionNeck: in_channels=64, but the maps of the encoder FrozenVision.* have 48 channels'):
        build("model['neck']['in_channels'] = 64")


# ---- normalisation


def test_pictures_are_normalised_as_the_encoders_family_was(build, family, said):
    family(IMAGENET)
    assert used(build()).near(IMAGENET) and said[0][0] == logging.INFO and '0.485' in said[0][1]


@pytest.mark.parametrize('weights', ['tiny', 'random', 'from_checkpoint'])
def test_visionfm_stays_without_a_word(build, said, weights):
    model = build('' if weights == 'tiny' else f"model['backbone']['weights'] = {weights!r}")
    assert used(model).near(VISIONFM) and not said
    assert not any(name.startswith('data_preprocessor') for name in model.state_dict())


def test_visionfms_are_used_and_it_is_said_where_the_file_does_not_tell(build, family, said):
    family(None)
    assert used(build()).near(VISIONFM)
    ((level, text),) = said
    assert level == logging.INFO and 'not known' in text and 'tiny.pth' in text and '0.424' in text


def test_a_config_that_contradicts_the_family_warns_once_with_both(build, family, said):
    family(Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
    assert used(build(EXPLICIT)).near(IMAGENET)
    ((level, text),) = said
    assert level == logging.WARNING and '0.485' in text and '0.500' in text and 'without mean and std' in text


def test_a_stock_preprocessor_that_contradicts_the_family_is_warned_of_too(build, said):
    stock = "model['data_preprocessor'] = dict(_delete_=True, type='SegDataPreProcessor', bgr_to_rgb=True, mean={}, std={})"
    build(stock.format([108.05, 66.54, 32.74], [75.2, 51.4, 34.9]))
    assert not said
    build(stock.format([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]))
    assert [level for level, _ in said] == [logging.WARNING]


@pytest.mark.parametrize('name', ['mean', 'std'])
def test_statistics_of_0_to_255_are_refused(build, name):
    """mmseg's own preprocessor has these units; taken for 0 to 1 they make every picture the same grey."""
    with pytest.raises(ConfigError, match=f'{name}=.123.675, 116.28, 103.53.*units of 0 to 1.*divide by 255'):
        build(f"model['data_preprocessor'] = dict(type='FundusDataPreprocessor', {name}=[123.675, 116.28, 103.53])")


def test_one_of_mean_and_std_may_be_named_and_the_other_follows(build, family):
    family(IMAGENET)
    model = build("model['data_preprocessor'] = dict(type='FundusDataPreprocessor', mean=(.1, .2, .3))")
    assert used(model).near(Normalisation((0.1, 0.2, 0.3), IMAGENET.std))


@pytest.mark.parametrize('loader', ['torch', 'mmengine'])
def test_an_exported_checkpoint_brings_its_normalisation(build, family, loader):
    family(IMAGENET)
    state = build().state_dict()
    model = build(BY_CHECKPOINT)
    assert used(model).near(VISIONFM)
    if loader == 'torch':
        model.load_state_dict(dict(state))
    else:
        mmengine_load(model, dict(state), strict=True)
    assert used(model).near(IMAGENET) and set(model.state_dict()) == set(state)


def test_a_slim_checkpoint_names_it_too_and_fits(build, family, said):
    family(IMAGENET)
    model = build()
    slim = model.slim_state_dict(model.state_dict())
    assert {'data_preprocessor.mean', 'data_preprocessor.std'} < set(slim)
    said.clear()
    model.load_state_dict(slim)
    assert used(model).near(IMAGENET) and not said


def test_a_checkpoint_of_before_is_used_with_visionfms_and_it_is_said(build, family, said):
    """It was trained so: the version that wrote it knew no other."""
    old = build().state_dict()
    family(IMAGENET)
    model = build()
    said.clear()
    model.load_state_dict(old)
    ((level, text),) = said
    assert used(model).near(VISIONFM) and level == logging.WARNING and 'names none' in text
    said.clear()
    named = build(EXPLICIT)
    named.load_state_dict(old)
    assert used(named).near(IMAGENET) and not said


def test_a_config_that_contradicts_the_checkpoint_warns_with_both(build, family, said):
    family(IMAGENET)
    state = build().state_dict()
    half = "model['data_preprocessor'] = dict(type='FundusDataPreprocessor', mean=(.5, .5, .5), std=(.5, .5, .5))"
    model = build(f'{half}\n{BY_CHECKPOINT}')
    said.clear()
    model.load_state_dict(state)
    ((level, text),) = said
    assert used(model).near(Normalisation((0.5,) * 3, (0.5,) * 3)) and level == logging.WARNING and '0.485' in text and '0.500' in text


@pytest.mark.parametrize('mean', [torch.zeros(2), torch.full((3,), float('nan')), None])
def test_a_checkpoint_with_half_a_normalisation_is_refused(build, family, mean):
    family(IMAGENET)
    model = build(BY_CHECKPOINT)
    state = {**build().state_dict(), 'data_preprocessor.mean': mean}
    if mean is None:
        del state['data_preprocessor.mean']
    with pytest.raises(CheckpointError, match='data_preprocessor.mean and data_preprocessor.std'):
        model.load_state_dict(state)

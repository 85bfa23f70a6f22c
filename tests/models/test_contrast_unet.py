"""A network without an encoder that sees local contrast alone: what it depends on, and what it does not."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_fundus.errors import CheckpointError, ConfigError
from mmseg_fundus.models import NoEncoder, VesselDetailHead
from mmseg_fundus.models.decode_heads.local_contrast import local_contrast, photograph_contrast

LOSS = dict(type='VesselLoss')


def build(test_cfg=None, outside='black', **head):
    torch.manual_seed(0)
    settings = dict(
        type='VesselSegmentor',
        data_preprocessor=dict(type='FundusDataPreprocessor', outside=outside),
        backbone=dict(type='NoEncoder', patch_size=4),
        decode_head=dict(
            type='VesselDetailHead',
            **{**dict(in_channels=0, patch_size=None, context='none', sees='contrast', local_contrast=9, detail_channels=(4, 6)), **head},
            loss_decode=LOSS,
        ),
        test_cfg=test_cfg or dict(mode='whole', size=None),
    )
    return MODELS.build(settings).eval()


def sample(fov=None, label=None, **about):
    found = SegDataSample(metainfo=dict(about, **({} if fov is None else dict(fov=fov.numpy()))))
    if label is not None:
        found.gt_sem_seg = PixelData(data=label[None])
    return found


def test_it_predicts_pictures_of_any_size_and_has_no_encoder_to_load_or_train():
    model = build()
    picture = torch.randint(0, 256, (3, 37, 50), dtype=torch.uint8)
    (predicted,) = model.test_step(dict(inputs=[picture], data_samples=[sample(ori_shape=(37, 50), img_shape=(37, 50))]))
    assert predicted.seg_logits.data.shape == (2, 37, 50)
    assert model.encoder.source is None and not model.encoder.trainable and model.encoder.has_weights
    assert not [name for name in model.state_dict() if name.startswith('backbone')]


def test_a_checkpoint_is_the_whole_model_and_one_of_an_encoder_is_refused():
    model, other = build(), build()
    state = {name: tensor + 0.5 if tensor.is_floating_point() else tensor for name, tensor in model.state_dict().items()}
    assert model.slim_state_dict(state) is state
    other.load_state_dict(state)
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in state.items())
    with pytest.raises(CheckpointError, match='another frozen encoder'):
        other.load_state_dict({**state, 'encoder_sha256': torch.zeros(32, dtype=torch.uint8)})


def test_a_head_that_joins_maps_needs_maps():
    with pytest.raises(ConfigError, match="context='none'"):
        VesselDetailHead(in_channels=0, patch_size=16, loss_decode=LOSS)
    with pytest.raises(ConfigError, match="sees='colour'"):
        VesselDetailHead(in_channels=4, patch_size=16, sees='colour', loss_decode=LOSS)
    with pytest.raises(ConfigError, match='local_contrast=33'):
        VesselDetailHead(in_channels=4, patch_size=16, sees='contrast', loss_decode=LOSS)
    with pytest.raises(ConfigError, match='patch_size=0'):
        NoEncoder(patch_size=0)


@torch.no_grad()
def test_the_same_photograph_means_the_same_whatever_it_is_normalised_with():
    model = build()
    photograph = torch.rand(1, 3, 24, 32)
    preprocessor = model.data_preprocessor
    first = model.encode_decode((255 * photograph - preprocessor.mean) / preprocessor.std)
    preprocessor.mean, preprocessor.std = preprocessor.mean * 0.5, preprocessor.std * 3
    second = model.encode_decode((255 * photograph - preprocessor.mean) / preprocessor.std)
    assert torch.allclose(first, second, atol=1e-4) and first.std() > 0


def test_contrast_counts_what_is_seen_alone():
    torch.manual_seed(0)
    photograph = 0.2 + torch.rand(1, 3, 30, 40)
    dark = photograph.clone()
    dark[..., 25:] = 0
    inside = photograph_contrast(dark, 9)
    assert torch.allclose(inside[..., :25], local_contrast(photograph[..., :25], 9, 0.01), atol=1e-4)
    assert not inside[..., 25:].any()
    assert not torch.allclose(local_contrast(dark, 9, 0.01)[..., 21:25], inside[..., 21:25], atol=0.1)  # the dark would count
    assert torch.isfinite(photograph_contrast(torch.zeros(1, 3, 8, 8), 5)).all()


@torch.no_grad()
def test_what_glows_outside_the_field_of_view_changes_nothing():
    fov = torch.zeros(32, 32, dtype=torch.uint8)
    fov[:, 8:] = 1
    picture = torch.randint(20, 256, (3, 32, 32), dtype=torch.uint8)
    glowing = picture.clone()
    glowing[:, :, :8] = 255 - glowing[:, :, :8]

    def logits(model, picture):
        about = sample(fov, ori_shape=(32, 32), img_shape=(32, 32))
        return model.test_step(dict(inputs=[picture], data_samples=[about]))[0].seg_logits.data

    assert torch.equal(logits(build(), picture), logits(build(), glowing))
    assert not torch.equal(logits(build(outside='as it is'), picture), logits(build(outside='as it is'), glowing))
    with pytest.raises(ConfigError, match="outside='white'"):
        build(outside='white')


def test_in_training_the_label_says_what_is_outside():
    preprocessor = build().data_preprocessor
    label = torch.zeros(16, 16, dtype=torch.uint8)
    label[:5] = 255
    picture = torch.randint(20, 256, (3, 16, 16), dtype=torch.uint8)
    inputs = preprocessor(dict(inputs=[picture], data_samples=[sample(label=label)]), training=True)['inputs'][0]
    photograph = inputs * preprocessor.std + preprocessor.mean
    assert photograph[:, :5].abs().max() < 1e-3 and torch.allclose(photograph[:, 5:], picture.flip(0)[:, 5:].float(), atol=1e-3)


@torch.no_grad()
def test_whole_pictures_are_brought_to_a_number_of_pixels_per_degree():
    fov = torch.ones(40, 40, dtype=torch.uint8)
    model, seen = build(dict(mode='whole', size=None, pixels_per_degree=2.0)), []
    model.decode_head.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[1].shape[2:])))
    picture = torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8)
    for angle in (30.0, 10.0):
        (predicted,) = model.test_step(
            dict(inputs=[picture], data_samples=[sample(fov, field_angle=angle, ori_shape=(40, 40), img_shape=(40, 40))])
        )
        assert predicted.seg_logits.data.shape == (2, 40, 40)
    assert seen == [(60, 60), (20, 20)]
    with pytest.raises(ConfigError, match='size=None'):
        build(dict(mode='whole', size=(32, 32), pixels_per_degree=2.0))

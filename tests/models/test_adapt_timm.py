"""LoRA in a network of timm, chosen by a weights file: the promises of an adapter through the whole segmentor."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from tiny import copied, step
from torch import nn

from mmseg_fundus.errors import CheckpointError
from mmseg_fundus.models import FrozenTimmEncoder
from mmseg_fundus.models.encoders import timm_model
from mmseg_fundus.models.encoders.adapt import merge_adapters

timm = pytest.importorskip('timm')
SIZES = dict(embed_dim=64, depth=4, num_heads=1)
LORA = dict(type='LoRA', rank=4)
FILES = {  # registers and a table for a picture of 56 pixels; rotary positions
    'DINOv2': ('vit_small_patch14_reg4_dinov2', dict(SIZES, img_size=56)),
    'DINOv3': ('vit_base_patch16_dinov3', SIZES),
}


@pytest.fixture(params=FILES)
def build(request, tiny_config, tmp_path):
    """A segmentor with an encoder that a file decided and LoRA in it."""
    name, options = FILES[request.param]
    generator = torch.Generator().manual_seed(0)
    state = timm_model.timm_model(name, options).state_dict()
    torch.save({key: tensor + 0.2 * torch.randn(tensor.shape, generator=generator) for key, tensor in state.items()}, tmp_path / 'file.pth')

    def make(seed=0, adapt=LORA):
        settings = dict(_delete_=True, type='FoundationEncoder', weights=str(tmp_path / 'file.pth'), adapt=adapt)
        lines = f"model['backbone'] = {settings!r}\nmodel['neck']['in_channels'] = model['decode_head']['patch_size'] = None"
        torch.manual_seed(seed)
        return MODELS.build(Config.fromfile(str(tiny_config(lines))).model)

    return make


def test_the_adapter_is_trained_and_the_base_stays_bit_for_bit(build):
    model = build()
    assert isinstance(model.backbone, FrozenTimmEncoder) and len(model.backbone.trainable) == 16
    before, fingerprint = copied(model), model.backbone.fingerprint()
    for _ in range(3):  # large ones, whose changes no rounding hides
        step(model, lr=1.0)
    for name, parameter in model.named_parameters():
        frozen = name.startswith('backbone.') and not name.endswith(('lora_down', 'lora_up'))
        assert torch.equal(parameter, before[name]) == frozen and parameter.isfinite().all(), name
    assert model.backbone.fingerprint() == fingerprint == build(adapt=None).backbone.fingerprint()


def test_before_it_is_trained_it_changes_no_bit(build):
    x = torch.randn(1, 3, 60, 84)
    assert all(torch.equal(a, b) for a, b in zip(build().backbone(x), build(adapt=None).backbone(x)))


def test_a_slim_checkpoint_holds_the_adapter_alone_and_loads_back_strictly(build):
    model, x = build(), torch.randn(1, 3, 60, 84)
    step(model), step(model)
    slim = model.slim_state_dict(model.state_dict())
    assert {name for name in slim if name.startswith('backbone.')} == {f'backbone.{name}' for name in model.backbone.trainable}
    other = build(seed=1)
    other.load_state_dict(dict(slim))
    with torch.no_grad():
        assert torch.equal(other.eval()(x), model.eval()(x))
    with pytest.raises(CheckpointError, match='set model.backbone.adapt as it was there'):
        build(adapt=None).load_state_dict(dict(slim))


def test_merged_it_computes_the_same(build):
    encoder, x = build().backbone, torch.randn(1, 3, 60, 84)
    for parameter in encoder.trainable.values():
        nn.init.normal_(parameter, std=0.2)
    merged = copy.deepcopy(encoder)
    assert merge_adapters(merged) == 8
    with torch.no_grad():
        for one, other, plain in zip(encoder(x), merged(x), build(adapt=None).backbone(x)):
            assert (one - other).norm() < 1e-5 * one.norm() and (one - plain).norm() > 1e-2 * plain.norm()

"""LoRA in encoders that are not ours: timm's networks, and small ones."""

import copy

import pytest
import torch
from torch import nn

from mmseg_fundus.errors import ConfigError
from mmseg_fundus.models.encoders import FrozenEncoder
from mmseg_fundus.models.encoders.adapt import adapt_layers, merge_adapters


class Foreign(FrozenEncoder):
    """An encoder around any network that is called as a whole, or whose ``blocks`` run one after the other."""

    def __init__(self, network, adapt=None, out_indices=(1,), **sizes):
        super().__init__()
        self.network, self.adapt, self.out_indices, self.levels = network, adapt, out_indices, 1
        self.patch_size, self.embed_dims = sizes['patch_size'], sizes['embed_dims']
        self.freeze(adapt=adapt)

    def encode(self, inputs):
        return self.network.forward_intermediates(
            inputs, indices=list(self.out_indices), intermediates_only=True, norm=False, output_fmt='NCHW', stop_early=True
        )


@pytest.mark.parametrize('name', ['vit_small_patch14_reg4_dinov2', 'vit_small_patch16_dinov3', 'eva02_tiny_patch14_224'])
def test_in_timms_networks_each_adapter_changes_the_maps_gets_gradients_and_merges(name):
    """EVA's attention never calls qkv: a layer put there by a wrapper is left out without a word."""
    timm = pytest.importorskip('timm')
    size = dict(img_size=28) if 'patch14' in name else {}
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=0, depth=3, embed_dim=48, num_heads=3, **size)
    for parameter in network.parameters():  # layer scale begins near zero
        nn.init.normal_(parameter, std=0.3)
    patch = network.patch_embed.patch_size[0]
    encoder = Foreign(network, dict(type='LoRA', rank=4, targets=('qkv', 'proj', 'fc1', 'fc2')), patch_size=patch, embed_dims=48)
    assert len(encoder.trainable) == 2 * 2 * (5 if 'fc1_g' in str(network) else 4), 'two of three blocks run'
    x = torch.randn(1, 3, 2 * patch, 2 * patch)
    base = encoder(x)[0]
    encoder.train()
    for name in encoder.trainable:
        changed = copy.deepcopy(encoder)
        nn.init.normal_(changed.get_submodule(name.rpartition('.')[0]).lora_up)
        assert (changed(x)[0] - base).abs().max() > 1e-4, name
        changed(x)[0].square().sum().backward()
        assert changed.trainable[name].grad.any(), name
    for parameter in encoder.trainable.values():
        nn.init.normal_(parameter, std=0.2)
    merged = copy.deepcopy(encoder)
    merge_adapters(merged)
    assert (merged(x)[0] - encoder(x)[0]).abs().max() < 1e-5 * base.abs().max() and encoder.fingerprint() != merged.fingerprint()


def test_an_encoder_without_blocks_is_adapted_as_a_whole():
    class Plain(FrozenEncoder):
        def __init__(self):
            super().__init__()
            self.patch_size, self.embed_dims, self.levels = 8, 16, 1
            self.embed, self.mix = nn.Conv2d(3, 16, 8, 8), nn.Linear(16, 16)
            self.freeze(adapt=dict(type='LoRA', rank=2, targets='mix'))

        def encode(self, inputs):
            return (self.mix(self.embed(inputs).permute(0, 2, 3, 1)).permute(0, 3, 1, 2),)

    encoder = Plain()
    assert set(encoder.trainable) == {'mix.lora_down', 'mix.lora_up'} and encoder.running_blocks() == []
    assert encoder(torch.zeros(1, 3, 16, 16))[0].shape == (1, 16, 2, 2)


def test_a_linear_layer_of_a_class_that_computes_something_else_is_no_target():
    class Doubled(nn.Linear):
        def forward(self, input):
            return 2 * super().forward(input)

    encoder = nn.Sequential(Doubled(8, 8), nn.Linear(8, 8))
    with pytest.raises(ConfigError, match="targets has '0', but the linear layers of Sequential are 1"):
        adapt_layers(encoder, [], dict(type='LoRA', rank=2, targets='0'))
    assert len(adapt_layers(encoder, [], dict(type='LoRA', rank=2, targets='1'))) == 2

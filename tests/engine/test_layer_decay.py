"""``optim_wrapper.paramwise_cfg.layer_decay``: the blocks of the encoder learn less the earlier they stand."""

import pytest
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from mmpretrain.engine.optimizers import LearningRateDecayOptimWrapperConstructor
from mmseg.registry import MODELS
from torch import nn

from mmseg_fundus.engine import load_config
from mmseg_fundus.engine.training_options import apply_training_options
from mmseg_fundus.errors import ConfigError

OURS = 'TrainableOptimWrapperConstructor'


@pytest.fixture
def build(tiny_config):
    """A segmentor; arguments are the encoder's."""
    return lambda **encoder: MODELS.build(Config.fromfile(str(tiny_config(f"model['backbone'].update({encoder!r})"))).model)


def rates(model, optimizer=None, **paramwise):
    """{name: rate} of what is trained, and the optimizer's groups."""
    optimizer = ConfigDict(type='Adam', lr=1.0) if optimizer is None else optimizer
    settings = ConfigDict(type='OptimWrapper', constructor=OURS, optimizer=optimizer, paramwise_cfg=paramwise)
    groups = build_optim_wrapper(model, settings).optimizer.param_groups
    rate = {id(parameter): group['lr'] for group in groups for parameter in group['params']}
    return {name: rate[id(parameter)] for name, parameter in model.named_parameters() if parameter.requires_grad}, groups


def test_block_i_of_n_has_the_rate_times_decay_to_the_n_minus_i_and_the_embedding_the_lowest(build):
    found, groups = rates(build(trainable_blocks='all', norm_outputs=True), layer_decay=0.5)
    for name, rate in found.items():
        part, _, rest = name.removeprefix('backbone.').partition('.')
        wanted = 0.5 ** (4 - int(rest[0])) if part == 'layers' else 0.5**5 if part in ('cls_token', 'pos_embed', 'patch_embed') else 1.0
        assert rate == wanted, name
    assert found['backbone.ln1.weight'] == found['decode_head.conv_seg.bias'] == 1.0
    assert [group['lr'] for group in groups] == [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125], (
        'the first is the one that the curve train/lr shows'
    )


def test_the_rates_are_mmpretrains(build):
    encoder = build(trainable_blocks='all', norm_outputs=True).backbone
    settings = ConfigDict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1.0, weight_decay=0.0))
    groups = LearningRateDecayOptimWrapperConstructor(settings, dict(layer_decay_rate=0.7))(encoder).optimizer.param_groups
    theirs = {id(group['params'][0]): group['lr'] for group in groups}
    ours, _ = rates(encoder, layer_decay=0.7)
    assert len(ours) == len(theirs)
    assert all(ours[name] == pytest.approx(theirs[id(parameter)]) for name, parameter in encoder.named_parameters())


def test_of_some_trained_blocks_the_last_has_one_step(build):
    found, _ = rates(build(trainable_blocks=2, out_indices=(0, 1, 2), norm_outputs=True), layer_decay=0.5)
    assert {name.split('.')[2]: rate for name, rate in found.items() if name.startswith('backbone.layers')} == {'1': 0.25, '2': 0.5}


def test_an_adapter_has_the_rate_of_its_block(build):
    found, groups = rates(build(adapt=dict(type='LoRA', rank=2)), layer_decay=0.5)
    assert found['backbone.layers.0.attn.qkv.lora_up'] == 0.0625 and found['backbone.layers.3.attn.proj.lora_down'] == 0.5
    assert len(groups) == 5 and groups[0]['lr'] == 1.0


def test_other_paramwise_options_count_too(build):
    found, groups = rates(
        build(trainable_blocks=1), ConfigDict(type='Adam', lr=1.0, weight_decay=0.1),
        layer_decay=0.5, norm_decay_mult=0.0, custom_keys=dict(backbone=dict(lr_mult=0.1), neck=dict(lr_mult=3.0)),
    )  # fmt: skip
    assert found['backbone.layers.3.attn.qkv.weight'] == pytest.approx(0.05) and {
        found[name] for name in found if name.startswith('neck')
    } == {3.0}
    assert {group['weight_decay'] for group in groups} == {0.0, 0.1}


@pytest.mark.parametrize('decay', [0, 1.5, -1, '0.75', True, None])
def test_a_decay_that_is_none_is_one_line(build, decay):
    with pytest.raises(ConfigError, match=r'layer_decay=.* must be a number above 0, at most 1'):
        rates(build(trainable_blocks=1), layer_decay=decay)


def test_it_is_refused_where_nothing_of_the_encoder_is_trained(build):
    with pytest.raises(ConfigError, match='none of the 4 blocks of FrozenVisionTransformer is trained; leave it out, or train some'):
        rates(build(), layer_decay=0.75)


def test_it_is_refused_where_another_constructor_would_pass_over_it(tiny_config):
    lines = "optim_wrapper.update(constructor='DefaultOptimWrapperConstructor', paramwise_cfg=dict(layer_decay=0.75))"
    with pytest.raises(ConfigError, match='DefaultOptimWrapperConstructor passes over it'):
        apply_training_options(load_config(tiny_config(lines)))
    apply_training_options(load_config(tiny_config('optim_wrapper.update(paramwise_cfg=dict(layer_decay=0.75))')))


def test_mmpretrains_name_for_it_is_refused_with_ours(tiny_config):
    with pytest.raises(ConfigError, match="takes no 'layer_decay_rate'; did you mean 'layer_decay'"):
        load_config(tiny_config(), {'optim_wrapper.paramwise_cfg.layer_decay_rate': 0.75})


def test_the_rates_are_in_the_log(build, monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_fundus.engine.layer_decay.print_log', lambda text, **kwargs: said.append(text))
    rates(build(trainable_blocks='all'), layer_decay=0.5)
    assert said == [
        'learning rates (layer_decay=0.5): decoder 1, block 3 0.5, block 2 0.25, block 1 0.125, block 0 0.0625, before the blocks 0.0312'
    ]


def test_the_blocks_of_another_backbone_count_as_they_stand():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = MODELS.build(dict(type='ResNet', depth=18, norm_cfg=dict(type='BN')))
            self.head = nn.Linear(2, 2)

    found, _ = rates(Model(), layer_decay=0.5)
    assert found['head.weight'] == 1.0 and found['backbone.layer4.1.conv2.weight'] == 0.5
    assert found['backbone.layer1.0.conv1.weight'] == 0.5**8 and found['backbone.conv1.weight'] == 0.5**9

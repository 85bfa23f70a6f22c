"""What is put around or into the frozen encoder (LoRA, prompts, running statistics) trains, and is saved; the encoder itself stays."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.runner.checkpoint import get_state_dict
from mmengine.runner.checkpoint import load_state_dict as mmengine_load
from mmpretrain.models import LoRAModel
from mmseg.registry import MODELS
from tiny import TINY, copied, lora_lines, step
from torch import nn

from mmseg_fundus.errors import CheckpointError, ConfigError
from mmseg_fundus.models import FrozenVisionTransformer
from mmseg_fundus.models.encoders.contract import encoder_of
from mmseg_fundus.models.encoders.encoder_file import write_encoder
from mmseg_fundus.models.encoders.trained import is_as_built


@pytest.fixture
def build(tiny_config, tiny_weights):
    """A segmentor with LoRA in the attention of all four blocks; arguments of :func:`lora_lines`."""

    def make(extra='', seed=0, **changed):
        lines = lora_lines(**{'weights': tiny_weights, **changed})
        torch.manual_seed(seed)
        return MODELS.build(Config.fromfile(str(tiny_config(f'{lines}\n{extra}'))).model)

    return make


@pytest.fixture
def lora(tiny_vit):
    """``LoRAModel`` around the tiny ViT as a module."""

    def make(targets=('.*qkv',), drop_rate=0.0, **arguments):
        vit = tiny_vit(**arguments)
        model = LoRAModel.__new__(LoRAModel)
        BaseModule.__init__(model)
        model.module, model.alpha, model.rank, model.drop_rate = vit, 8, 2, drop_rate
        model.targets, model.applied = [dict(type=target) for target in targets], False
        model.apply_lora()
        model._set_lora_trainable()
        model._register_state_dict_hooks()
        return model

    return make


def test_lora_trains_and_the_encoder_under_it_stays_bit_for_bit(build):
    model = build()
    before = copied(model)
    adapter = {name for name in before if '.lora_' in name}
    assert len(adapter) == 8
    for _ in range(2):  # in the first step lora_up is zero, so lora_down gets no more than a zero
        step(model)
    for name, parameter in model.named_parameters():
        frozen = name.startswith('backbone.') and name not in adapter
        assert torch.equal(parameter, before[name]) == frozen, name


@pytest.mark.parametrize('norm_outputs', [False, True])
@pytest.mark.parametrize('target, graph', [('layers.0.attn.qkv', [True] * 3), ('layers.2.attn.proj', [False, False, True])])
def test_gradients_begin_at_the_first_block_with_an_adapter(lora, target, graph, norm_outputs):
    model = lora(targets=[target], norm_outputs=norm_outputs).train()
    assert [level.requires_grad for level in model(torch.randn(1, 3, 64, 64))] == graph


def test_an_untrained_adapter_leaves_the_maps_bit_identical(lora, tiny_vit):
    x = torch.randn(1, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(lora()(x), tiny_vit()(x)))


def test_dropout_of_the_adapter_lives_in_training_alone_and_everything_frozen_is_in_eval_mode(lora):
    model, x = lora(drop_rate=0.5), torch.randn(1, 3, 64, 64)
    for name, parameter in model.named_parameters():
        if 'lora_up' in name:
            nn.init.normal_(parameter)
    assert model.train() is model and not torch.equal(model(x)[-1], model(x)[-1])
    for name, module in model.module.named_modules():
        trained = any(parameter.requires_grad for parameter in module.parameters()) or name.endswith('lora_dropout')
        if next(module.parameters(), None) is not None or name.endswith('lora_dropout'):
            assert module.training == trained, name
    assert model.eval() is model and torch.equal(model(x)[-1], model(x)[-1])
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize('loader', ['torch', 'mmengine'])
def test_a_checkpoint_holds_the_adapter_and_not_the_encoder_and_loads_back_strictly(build, loader):
    model, x = build(), torch.randn(1, 3, 64, 64)
    step(model), step(model)
    whole = get_state_dict(model)
    assert whole.keys() == model.state_dict().keys() and len(whole) == 54 + 8 + len([n for n in whole if not n.startswith('backbone.')])
    slim = model.slim_state_dict(whole)
    in_backbone = [name for name in slim if name.startswith('backbone.')]
    assert len(in_backbone) == 8 and all('.lora_' in name for name in in_backbone) and len(slim['encoder_sha256']) == 32
    other = build(seed=1)
    load = other.load_state_dict if loader == 'torch' else lambda state: mmengine_load(other, state, strict=True)
    for state in (slim, whole):
        load(dict(state))
        with torch.no_grad():
            assert torch.equal(other.eval()(x), model.eval()(x))
    for drop in (in_backbone[0], 'decode_head.conv_seg.bias'):
        with pytest.raises(CheckpointError, match=f'1 missing .{drop}'):
            load({name: tensor for name, tensor in slim.items() if name != drop})


def test_the_fingerprint_is_that_of_the_encoder_without_its_adapter(build, tiny_vit, other_weights):
    model = build()
    slim = model.slim_state_dict(model.state_dict())
    assert bytes(slim['encoder_sha256'].tolist()) == tiny_vit().fingerprint() == encoder_of(model.backbone).fingerprint()
    with pytest.raises(CheckpointError, match='trained with another frozen encoder'):
        build(weights=other_weights(seed=5)).load_state_dict(dict(slim))
    with pytest.raises(CheckpointError, match='names none'):
        build(weights='from_checkpoint').load_state_dict(dict(slim))
    build(weights='from_checkpoint').load_state_dict(model.state_dict())
    with pytest.raises(CheckpointError, match='12 missing'):
        broken = {name: tensor for name, tensor in model.state_dict().items() if 'layers.2' not in name or '.lora_' in name}
        build().load_state_dict(broken)


def test_a_checkpoint_of_a_decoder_alone_does_not_pass_for_a_trained_adapter(build, tiny_config):
    plain = MODELS.build(Config.fromfile(str(tiny_config())).model)
    with pytest.raises(CheckpointError, match=r'8 missing \(backbone.module.layers.0.attn.qkv.lora_down.weight'):
        build().load_state_dict(plain.slim_state_dict(plain.state_dict()))
    with pytest.raises(CheckpointError, match='8 unexpected'):
        plain.load_state_dict(build().slim_state_dict(build().state_dict()))


def test_a_random_encoder_under_an_adapter_is_saved_though_loras_own_hooks_drop_it(build):
    model, x = build(weights='random'), torch.randn(1, 3, 64, 64)
    state = model.slim_state_dict(get_state_dict(model))
    other = build(weights='random', seed=1)
    other.load_state_dict(state)
    with torch.no_grad():
        assert torch.equal(other.eval()(x), model.eval()(x))


def test_a_copy_has_encoder_adapter_and_fingerprint_of_its_own(build):
    model = build()
    other = copy.deepcopy(model)
    step(other)
    slim = other.slim_state_dict(other.state_dict())
    assert len([name for name in slim if '.lora_' in name]) == 8 and encoder_of(other.backbone).in_weights_file
    with torch.no_grad():
        encoder_of(other.backbone).own_tensors()['cls_token'].add_(1)
    assert encoder_of(model.backbone).in_weights_file and not encoder_of(other.backbone).in_weights_file


def test_an_encoder_that_something_changed_in_place_is_saved_whole(tiny_config):
    model = MODELS.build(Config.fromfile(str(tiny_config())).model)
    assert model.slim_state_dict(model.state_dict()) is not model.state_dict() and model.backbone.in_weights_file
    model.backbone.layers[1].attn.qkv.weight.data += 1e-3  # an adapter that was merged
    state = model.state_dict()
    assert not model.backbone.in_weights_file and model.slim_state_dict(state) is state


@pytest.mark.parametrize('change', [None, 'hook', 'module', 'adapter', 'tensor'])
def test_an_encoder_knows_whether_something_was_put_into_it(tiny_vit, change):
    vit = copy.deepcopy(tiny_vit())
    if change == 'hook':
        vit.layers[1].register_forward_hook(lambda module, inputs, output: 2 * output)
    elif change == 'module':
        vit.layers[1] = nn.Sequential(vit.layers[1], nn.Tanh())
    elif change == 'adapter':
        vit.layers[1].adapter = nn.Linear(48, 48).requires_grad_(False)
    elif change == 'tensor':
        vit.cls_token = nn.Parameter(torch.zeros(1, 1, 48), requires_grad=False)
    assert is_as_built(vit, vit.own_tensors()) == (change is None)
    assert vit.in_weights_file == (change != 'tensor')


def test_an_encoder_with_an_adapter_is_not_written_as_a_weights_file(lora, tiny_vit, tmp_path):
    for encoder, words in ((lora(), 'LoRAModel.*no plain ViT'), (lora().module, r'8 tensors .*\(blocks.0.attn.qkv.weight')):
        with pytest.raises(ConfigError, match=words):
            write_encoder(tmp_path / 'encoder.pth', encoder, 'a test')
    assert not list(tmp_path.iterdir())
    again = tiny_vit(weights=write_encoder(tmp_path / 'encoder.pth', tiny_vit(), 'a test'))
    assert again.fingerprint() == tiny_vit().fingerprint()


def test_trainable_blocks_and_an_adapter_that_freezes_them_contradict_each_other(build):
    with pytest.raises(ConfigError, match='trainable_blocks=2 asks to train 24 tensors.* froze 24'):
        build(trainable_blocks=2)


def test_an_adapter_in_blocks_that_do_not_run_is_refused_and_the_advice_works(build):
    with pytest.raises(ConfigError, match=r'4 parameters.*layers\.2\.attn.*ends with block 1.*layers\\\.\[0-1\]'):
        step(build(out_indices=(0, 1), extra="model['neck']['num_levels'] = 2"))
    model = build(out_indices=(0, 1), extra="model['neck']['num_levels'] = 2", targets=[r'layers\.[0-1]\..*qkv'])
    before = copied(model)
    step(model), step(model)
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert sum('.lora_' in name for name in changed) == 4


# ---- other ways to put something into an encoder


@MODELS.register_module()
class PromptedEncoder(BaseModule):
    """A trained picture-wide prompt and a batch norm in front of the frozen encoder; passes no attribute on."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = MODELS.build(encoder)
        self.prompt = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.norm = nn.BatchNorm2d(3, affine=False)

    def forward(self, x):
        return self.encoder(self.norm(x) + self.prompt)


@pytest.fixture
def prompted(tiny_config, tiny_weights):
    encoder = dict(type='FrozenVisionTransformer', weights=str(tiny_weights), arch=TINY, pretrain_size=64, out_indices=(0, 1, 2, 3))
    backbone = dict(_delete_=True, type='PromptedEncoder', encoder=encoder)
    return lambda: MODELS.build(Config.fromfile(str(tiny_config(f"model['backbone'] = {backbone!r}"))).model)


def test_a_wrapper_in_front_of_the_encoder_trains_and_is_saved_with_its_running_statistics(prompted):
    model = prompted()
    before = copied(model)
    step(model)
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert 'backbone.prompt' in changed and not any('encoder' in name for name in changed)
    slim = model.slim_state_dict(get_state_dict(model))
    in_backbone = {name for name in slim if name.startswith('backbone.')}
    assert in_backbone == {'backbone.prompt', *(f'backbone.norm.{part}' for part in ('running_mean', 'running_var', 'num_batches_tracked'))}
    other = prompted()
    other.load_state_dict(dict(slim))
    assert torch.equal(other.backbone.norm.running_mean, model.backbone.norm.running_mean) and other.backbone.norm.running_mean.any()


def test_an_encoder_in_a_wrapper_has_its_pictures_padded_and_its_logits_cut_as_without(prompted, tiny_config):
    model, plain, x = prompted().eval(), MODELS.build(Config.fromfile(str(tiny_config())).model).eval(), torch.randn(1, 3, 50, 70)
    plain.load_state_dict({n: t for n, t in model.state_dict().items() if not n.startswith('backbone.')})
    with torch.no_grad():
        scale = (1 + model.backbone.norm.eps) ** -0.5
        assert torch.allclose(model(x), plain(x * scale), atol=1e-5)


@MODELS.register_module()
class EncoderWithTokens(FrozenVisionTransformer):
    """A subclass with a trained parameter of its own, added to the tokens of block 2."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.layers[2].shift = nn.Parameter(torch.zeros(48))
        self.layers[2].register_forward_hook(lambda block, inputs, output: output + block.shift)


def test_a_parameter_that_a_subclass_adds_to_a_block_trains_and_is_saved(tiny_config):
    def make():
        return MODELS.build(Config.fromfile(str(tiny_config("model['backbone']['type'] = 'EncoderWithTokens'"))).model)

    model = make()
    step(model)
    assert model.backbone.layers[2].shift.abs().max() > 0 and model.backbone.in_weights_file
    slim = model.slim_state_dict(model.state_dict())
    assert [name for name in slim if name.startswith('backbone.')] == ['backbone.layers.2.shift']
    other = make()
    other.load_state_dict(dict(slim))
    assert torch.equal(other.backbone.layers[2].shift, model.backbone.layers[2].shift)


def test_a_block_that_is_unfrozen_by_hand_trains_and_makes_the_checkpoint_whole(tiny_config):
    model = MODELS.build(Config.fromfile(str(tiny_config())).model)
    model.backbone.layers[1].requires_grad_(True)
    before = copied(model)
    step(model)
    assert model.backbone.layers[1].training and not model.backbone.layers[0].training and not model.backbone.layers[2].training
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert {name for name in changed if name.startswith('backbone.')} == {n for n in before if n.startswith('backbone.layers.1.')}
    state = model.state_dict()
    assert model.slim_state_dict(state) is state and 'backbone.cls_token' in state

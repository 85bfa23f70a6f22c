"""LoRA inside a frozen encoder (``adapt=dict(type='LoRA', ...)``): what is trained, what stays, what is saved, how it is merged."""

import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmpretrain.models.peft.lora import LoRALinear
from mmseg.registry import MODELS
from tiny import copied, step
from torch import nn

from mmseg_fundus.errors import CheckpointError, ConfigError
from mmseg_fundus.export.graph import VesselGraph
from mmseg_fundus.models import FrozenVisionTransformer
from mmseg_fundus.models.encoders.adapt import AdaptedLinear, merge_adapters
from mmseg_fundus.models.encoders.encoder_file import write_encoder

LORA = dict(type='LoRA', rank=4)


@pytest.fixture
def build(tiny_config, tiny_weights):
    """A segmentor with LoRA in the encoder; arguments are the encoder's."""

    def make(seed=0, adapt=LORA, **encoder):
        lines = f"model['backbone'].update({dict(weights=str(tiny_weights), adapt=adapt, **encoder)!r})"
        torch.manual_seed(seed)
        return MODELS.build(Config.fromfile(str(tiny_config(lines))).model)

    return make


def trained(encoder):
    """The encoder, with an adapter that does something."""
    for parameter in encoder.trainable.values():
        nn.init.normal_(parameter, std=0.2)
    return encoder


def test_the_adapter_and_the_decoder_are_trained_and_the_base_stays_bit_for_bit(build):
    model = build()
    before, fingerprint = copied(model), model.backbone.fingerprint()
    step(model), step(model)  # in the first step lora_up is zero, so that lora_down gets no more than a zero
    for name, parameter in model.named_parameters():
        frozen = name.startswith('backbone.') and not name.endswith(('lora_down', 'lora_up'))
        assert torch.equal(parameter, before[name]) == frozen, name
    assert model.backbone.fingerprint() == fingerprint and model.backbone.in_weights_file
    assert set(model.encoder.trainable) == {
        f'layers.{block}.attn.{layer}.{part}' for block in range(4) for layer in ('qkv', 'proj') for part in ('lora_down', 'lora_up')
    }


def test_the_first_forward_pass_is_the_bases_bit_for_bit(tiny_vit):
    x = torch.randn(2, 3, 64, 80)
    assert all(torch.equal(a, b) for a, b in zip(tiny_vit(adapt=LORA)(x), tiny_vit()(x)))


def test_names_and_fingerprint_of_the_base_are_those_without_an_adapter(tiny_vit):
    plain, adapted = tiny_vit(), tiny_vit(adapt=LORA)
    assert adapted.own_tensors().keys() == plain.own_tensors().keys() == plain.state_dict().keys()
    assert set(plain.state_dict()) == {name for name in adapted.state_dict() if not name.endswith(('lora_down', 'lora_up'))}
    assert adapted.fingerprint() == plain.fingerprint()


def test_without_an_adapter_no_layer_is_another(tiny_vit):
    assert not any(isinstance(layer, AdaptedLinear) for layer in tiny_vit().modules()) and not tiny_vit().trainable


def test_a_layer_computes_what_mmpretrains_lora_does_and_so_does_who_reads_its_weight():
    plain, x = nn.Linear(12, 20), torch.randn(3, 5, 12)
    theirs = LoRALinear(copy.deepcopy(plain), alpha=6, rank=3)
    nn.init.normal_(theirs.lora_up.weight)
    ours = AdaptedLinear(plain.requires_grad_(False), rank=3, scale=2.0)
    with torch.no_grad():
        ours.lora_down.copy_(theirs.lora_down.weight)
        ours.lora_up.copy_(theirs.lora_up.weight)
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)
    assert torch.allclose(F.linear(x, ours.weight, ours.bias), theirs(x), atol=1e-5)  # as attentions with a bias of their own compute
    F.linear(x, ours.weight).sum().backward()
    assert ours.lora_down.grad.any() and ours.lora_up.grad.any() and ours.own_weight.grad is None


@pytest.mark.parametrize(
    'targets, places',
    [
        ('qkv', ['attn.qkv']),
        (('fc1', 'fc2'), ['ffn.layers.0.0', 'ffn.layers.1']),
        (['proj', 'fc2'], ['attn.proj', 'ffn.layers.1']),
    ],
)
def test_targets_are_the_usual_names_whatever_the_library_calls_them(tiny_vit, targets, places):
    vit = tiny_vit(adapt=dict(LORA, targets=targets))
    found = [place for place, layer in vit.named_modules() if isinstance(layer, AdaptedLinear)]
    assert found == [f'layers.{block}.{place}' for block in range(4) for place in places]


@pytest.mark.parametrize(
    'adapt, words',
    [
        (dict(LORA, targets=('qkv', 'qvk')), "targets has 'qvk', but the linear layers of FrozenVisionTransformer are fc1, fc2, proj, qkv"),
        (dict(LORA, targets=()), 'targets=.. must be names'),
        (dict(LORA, ranks=8), "'ranks': 8.* must be dict.type='LoRA'., in which rank, alpha, targets may stand"),
        (dict(type='DoRA'), 'must be dict.type='),
        ('LoRA', "adapt='LoRA' must be dict"),
        (dict(LORA, rank=0), 'rank=0 must be a whole number from 1'),
        (dict(LORA, rank=48), 'rank=48 must be less than the rank of layers.0.attn.qkv, which is 48 x 144'),
        (dict(LORA, alpha=0), 'alpha=0 must be a number above 0'),
    ],
)
def test_a_wrong_setting_is_one_line(tiny_vit, adapt, words):
    with pytest.raises(ConfigError, match=words):
        tiny_vit(adapt=adapt)


def test_alpha_over_rank_is_the_scale(tiny_vit):
    assert tiny_vit(adapt=LORA).layers[0].attn.qkv.scale == 1 and tiny_vit(adapt=dict(LORA, alpha=16)).layers[0].attn.qkv.scale == 4


def test_trained_blocks_beside_an_adapter_are_refused_with_the_reason(tiny_vit):
    with pytest.raises(ConfigError, match='trainable_blocks=2 trains parts of the encoder, adapt=.* leaves them as they are'):
        tiny_vit(adapt=LORA, trainable_blocks=2)


def test_blocks_that_do_not_run_get_no_adapter(tiny_vit):
    vit = tiny_vit(out_indices=(0, 1), adapt=LORA)
    assert {int(name.split('.')[1]) for name in vit.trainable} == {0, 1}
    vit.train()(torch.randn(1, 3, 64, 64))[-1].sum().backward()
    assert all(parameter.grad is not None for name, parameter in vit.trainable.items() if name.endswith('up'))


def test_frozen_parts_are_in_eval_mode_and_the_graph_begins_at_the_first_adapter(tiny_vit):
    vit = tiny_vit(adapt=LORA).train()
    assert all(level.requires_grad for level in vit(torch.randn(1, 3, 64, 64)))
    assert not vit.layers[0].ffn.training and not vit.patch_embed.training and vit.layers[0].attn.qkv.training
    with torch.no_grad():
        assert not any(level.requires_grad for level in vit(torch.randn(1, 3, 64, 64)))


def test_under_bfloat16_the_adapter_is_trained_in_float32_and_small_changes_count(tiny_vit):
    vit, plain, x = tiny_vit(adapt=LORA, precision='bfloat16'), tiny_vit(precision='bfloat16'), torch.randn(1, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(vit(x), plain(x)))
    vit.train()(x)[-1].square().sum().backward()
    assert {parameter.grad.dtype for parameter in vit.trainable.values()} == {torch.float32}
    layer, z = vit.layers[0].attn.qkv, torch.randn(64, 48)
    with torch.no_grad():
        layer.lora_up.fill_(2e-4)  # a change of each weight that a sum in bfloat16 would lose
        exact = F.linear(z, layer.weight - layer.own_weight)
        with torch.autocast('cpu', torch.bfloat16):
            added = F.linear(F.linear(z, layer.lora_down), layer.lora_up)
    assert torch.allclose(added.float(), exact, atol=0.02 * float(exact.abs().max()))


# ---- checkpoints


def test_a_slim_checkpoint_holds_adapter_and_decoder_and_loads_back_strictly(build):
    model, x = build(), torch.randn(1, 3, 64, 64)
    step(model), step(model)
    slim = model.slim_state_dict(model.state_dict())
    inside = {name for name in slim if name.startswith('backbone.')}
    assert inside == {f'backbone.{name}' for name in model.backbone.trainable} and len(slim['encoder_sha256']) == 32
    for state in (slim, model.state_dict()):
        other = build(seed=1)
        other.load_state_dict(dict(state))
        with torch.no_grad():
            assert torch.equal(other.eval()(x), model.eval()(x))
    with pytest.raises(CheckpointError, match='1 missing'):
        build().load_state_dict({name: tensor for name, tensor in slim.items() if not name.endswith('layers.2.attn.qkv.lora_up')})


def test_checkpoints_of_before_and_of_the_adapter_are_told_apart_with_what_to_do(build):
    plain, adapted = build(adapt=None), build()
    with pytest.raises(CheckpointError, match=r'16 missing .*has no adapter \(or a merged one\): set model.backbone.adapt=None'):
        adapted.load_state_dict(plain.slim_state_dict(plain.state_dict()))
    with pytest.raises(CheckpointError, match='16 unexpected .*has an adapter .LoRA. in the encoder: set model.backbone.adapt as'):
        plain.load_state_dict(adapted.slim_state_dict(adapted.state_dict()))


def test_of_vit_b_at_rank_8_the_adapter_is_far_below_ten_megabytes():
    with torch.device('meta'):
        vit = FrozenVisionTransformer(weights='from_checkpoint', adapt=dict(type='LoRA', rank=8, targets=('qkv', 'proj', 'fc1', 'fc2')))
    assert sum(parameter.numel() for parameter in vit.trainable.values()) * 4 < 6e6


def test_a_copy_has_an_adapter_of_its_own(build):
    model = build()
    other = copy.deepcopy(model)
    trained(other.backbone)
    assert not model.backbone.layers[0].attn.qkv.lora_up.any() and other.backbone.in_weights_file


def test_maps_of_an_adapted_encoder_have_no_identity_also_if_it_is_frozen_again(tiny_vit):
    vit = tiny_vit(adapt=LORA).requires_grad_(False)
    assert vit.identity() is None and 'something was put into the encoder' in vit.why_unknown()


# ---- merging


def test_merged_it_computes_the_same_and_is_a_plain_encoder(tiny_vit):
    vit, x = trained(tiny_vit(adapt=dict(LORA, targets=('qkv', 'proj', 'fc1', 'fc2')))), torch.randn(2, 3, 64, 64)
    merged = copy.deepcopy(vit)
    assert merge_adapters(merged) == 16 and merge_adapters(merged) == 0
    with torch.no_grad():
        maps, found, base = vit(x), merged(x), tiny_vit()(x)
    for one, other, plain in zip(maps, found, base):
        assert (one - other).abs().max() < 1e-5 * plain.abs().max() and (one - plain).abs().max() > 1e-2
    assert merged.state_dict().keys() == tiny_vit().state_dict().keys() and not merged.in_weights_file
    again = tiny_vit(weights='from_checkpoint')
    again.load_state_dict(merged.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(again(x), found))


def test_an_exported_graph_is_merged_and_the_model_is_not(build):
    model, picture = build().eval(), 255 * torch.rand(1, 3, 64, 64)
    trained(model.backbone)
    graph = VesselGraph(model)
    assert not any(isinstance(layer, AdaptedLinear) for layer in graph.modules())
    assert any(isinstance(layer, AdaptedLinear) for layer in model.modules())
    preprocessor = model.data_preprocessor
    with torch.no_grad():
        wanted = model((picture - preprocessor.mean) / preprocessor.std).softmax(1)[:, 1:]
        assert torch.allclose(graph(picture)[0], wanted, atol=1e-5)


def test_an_adapted_encoder_is_not_written_as_a_weights_file(tiny_vit, tmp_path):
    with pytest.raises(ConfigError, match='has an adapter'):
        write_encoder(tmp_path / 'encoder.pth', tiny_vit(adapt=LORA), 'a test')
    assert not list(tmp_path.iterdir())

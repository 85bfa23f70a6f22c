import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.runner.checkpoint import load_state_dict as mmengine_load
from mmseg.registry import MODELS

from mmseg_fundus.errors import CheckpointError, ConfigError, WeightsError
from mmseg_fundus.models.encoders.layouts.visionfm import VFM_MEAN, VFM_STD
from mmseg_fundus.models.encoders.vit import to_mmpretrain
from mmseg_fundus.models.encoders.weights import read_encoder

spec = importlib.util.spec_from_file_location('reference', Path(__file__).with_name('reference.py'))
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def maps_of(tokens, grid):
    return tokens[:, 1:].transpose(1, 2).unflatten(2, grid)


@pytest.mark.parametrize('size', [(64, 64), (96, 64), (32, 128), (16, 16)], ids=str)
@pytest.mark.parametrize('norm_outputs', [False, True])
def test_maps_equal_a_plain_reading_of_the_vit_at_any_size(tiny_vit, tiny_weights, size, norm_outputs):
    weights = read_encoder(tiny_weights).tensors
    x = torch.randn(2, 3, *size)
    maps = tiny_vit(norm_outputs=norm_outputs)(x)
    tokens = [reference.vit_tokens(weights, x, heads=3)[i] for i in (0, 1, 3)]
    if norm_outputs:
        tokens = [F.layer_norm(t, (48,), weights['norm.weight'], weights['norm.bias'], eps=1e-6) for t in tokens]
    for found, expected in zip(maps, tokens):
        expected = maps_of(expected, (size[0] // 16, size[1] // 16))
        assert found.shape == expected.shape == (2, 48, size[0] // 16, size[1] // 16)
        assert (found - expected).norm() / expected.norm() < 1e-5


def test_class_token_takes_part_in_attention(tiny_vit):
    vit = tiny_vit()
    x = torch.randn(1, 3, 64, 64)
    before = vit(x)[-1]
    vit.cls_token += torch.randn_like(vit.cls_token)
    assert (vit(x)[-1] - before).abs().max() > 1e-3


def test_position_table_is_resized_by_grid_not_by_token_count(tiny_vit):
    """32x128 has as many tokens as 64x64; the table must be resized all the same."""
    vit = tiny_vit()
    x = torch.zeros(1, 3, 32, 128)
    wide = vit(x)[0]
    vit.pos_embed[:, 1:] = vit.pos_embed[:, 1:].unflatten(1, (4, 4)).transpose(1, 2).flatten(1, 2)  # transposed table
    tall = vit(x.transpose(2, 3))[0]
    assert torch.allclose(wide, tall.transpose(2, 3), atol=1e-5)


def test_sizes_that_are_no_multiple_of_the_patch_are_padded(tiny_vit):
    vit = tiny_vit()
    x = torch.randn(1, 3, 50, 70)
    padded = F.pad(x, (0, 10, 0, 14))
    assert all(torch.equal(a, b) for a, b in zip(vit(x), vit(padded)))


def test_a_position_table_of_another_square_grid_is_taken_over(other_weights, tiny_vit):
    path = other_weights(grid=6)
    vit = tiny_vit(weights=path)
    assert vit.pos_embed.shape == (1, 37, 48)
    x = torch.randn(1, 3, 96, 96)
    expected = reference.vit_tokens(read_encoder(path).tensors, x, heads=3)[3]
    assert torch.allclose(vit(x)[-1], maps_of(expected, (6, 6)), atol=1e-5)
    assert torch.equal(tiny_vit(weights=path, trainable_blocks=1)(x)[-1], vit(x)[-1])


def test_the_file_is_loaded_bit_for_bit(tiny_vit, tiny_weights):
    state = tiny_vit().state_dict()
    tensors = read_encoder(tiny_weights).tensors
    assert len(state) == len(tensors)
    assert all(torch.equal(state[to_mmpretrain(name)], tensor) for name, tensor in tensors.items())


# ---- freezing


def test_train_and_eval_return_self_and_keep_the_encoder_frozen(tiny_vit):
    vit = tiny_vit()
    assert vit.train() is vit and vit.eval() is vit and vit.train(True) is vit and vit.train(False) is vit
    for mode in (True, False, True):
        vit.train(mode)
        assert not any(module.training for module in vit.modules())
        assert not any(parameter.requires_grad for parameter in vit.parameters())


def test_no_graph_is_kept_and_two_forwards_in_train_mode_are_identical(tiny_vit):
    vit = tiny_vit().train()
    x = torch.randn(1, 3, 64, 64)
    first, second = vit(x), vit(x)
    assert all(torch.equal(a, b) and not a.requires_grad for a, b in zip(first, second))


@pytest.mark.parametrize(
    'blocks, norm, expected',
    [
        (0, False, set()),
        (1, False, {'layers.3.'}),
        (2, True, {'layers.2.', 'layers.3.', 'ln1.'}),
        ('all', True, {'cls_token', 'pos_embed', 'patch_embed.', 'layers.', 'ln1.'}),
    ],
)
def test_the_last_blocks_are_unfrozen_by_one_argument(tiny_vit, blocks, norm, expected):
    vit = tiny_vit(trainable_blocks=blocks, norm_outputs=norm).train()
    trained = {name for name, parameter in vit.named_parameters() if parameter.requires_grad}
    assert trained == {name for name, _ in vit.named_parameters() if name.startswith(tuple(expected) or '-')}
    if expected:
        sum(m.square().mean() for m in vit(torch.randn(1, 3, 64, 64))).backward()
        assert {name for name, parameter in vit.named_parameters() if parameter.grad is not None} == trained
        assert all(module.training == (module in set(vit.layers[-1].modules())) for module in vit.layers[-1].modules())
    assert not vit.layers[0].training or blocks == 'all'


def test_blocks_behind_the_deepest_output_do_not_run_and_are_not_trained(tiny_vit):
    """Parameters that never get a gradient would make distributed training stop."""
    vit = tiny_vit(out_indices=(0, 1), trainable_blocks='all')
    sum(m.mean() for m in vit(torch.randn(1, 3, 64, 64))).backward()
    assert all((parameter.grad is not None) == parameter.requires_grad for parameter in vit.parameters())


# ---- what is refused


@pytest.mark.parametrize(
    'arguments, error, words',
    [
        (dict(weights=None), WeightsError, 'was given no weights'),
        (dict(weights='/nowhere/VFM.pth'), WeightsError, 'looked for /nowhere/VFM.pth'),
        (dict(patch_size=32), WeightsError, 'patch 16, 3 input channels'),
        (dict(out_indices=(3, 1)), ConfigError, 'ascending'),
        (dict(out_indices=(0, 4)), ConfigError, 'from 0 to 3'),
        (dict(out_indices=()), ConfigError, 'out_indices'),
        (dict(arch='bse'), ConfigError, "'bse' is unknown, use one of b, base"),
        (dict(arch=dict(embed_dims=48)), ConfigError, 'leaves out feedforward_channels, num_heads, num_layers'),
        (dict(trainable_blocks=5), ConfigError, 'from 0 to 4'),
        (dict(trainable_blocks='some'), ConfigError, 'trainable_blocks'),
        (dict(init_cfg=dict(type='Pretrained', checkpoint='x')), ConfigError, 'no init_cfg .* model.backbone.weights='),
        (dict(pretrained='x'), ConfigError, 'no pretrained .* model.backbone.weights='),
    ],
)
def test_contradictions_are_refused_with_the_way_out(tiny_vit, arguments, error, words):
    with pytest.raises(error, match=words):
        tiny_vit(**arguments)


def test_negative_out_indices_count_from_the_end(tiny_vit):
    assert tiny_vit(out_indices=(-3, -1)).out_indices == [1, 3]


def test_random_weights_only_by_request_and_not_overwritten_by_init_weights(tiny_vit):
    vit = tiny_vit(weights='random')
    assert vit.pos_embed.std() > 0.01 and vit.cls_token.std() > 0.01
    before = {name: tensor.clone() for name, tensor in vit.state_dict().items()}
    vit.init_weights()
    assert all(torch.equal(tensor, before[name]) for name, tensor in vit.state_dict().items())


def test_a_checkpoint_with_another_encoder_is_refused(tiny_vit, other_weights):
    vit = tiny_vit()
    other = tiny_vit(weights=other_weights(seed=1))
    for load in (lambda s: vit.load_state_dict(s), lambda s: mmengine_load(vit, s)):
        load(vit.state_dict())
        with pytest.raises(CheckpointError, match='another frozen encoder'):
            load(other.state_dict())
        part = {name: tensor for name, tensor in vit.state_dict().items() if 'layers.2' not in name}
        with pytest.raises(CheckpointError, match='42 of 54 encoder tensors'):
            load(part)


def test_from_checkpoint_refuses_to_run_before_one_is_loaded(tiny_vit):
    vit, source = tiny_vit(weights='from_checkpoint'), tiny_vit()
    x = torch.randn(1, 3, 64, 64)
    with pytest.raises(WeightsError, match='no checkpoint with a full encoder was loaded'):
        vit(x)
    vit.load_state_dict(source.state_dict())
    assert torch.equal(vit(x)[-1], source(x)[-1])


def test_pictures_are_normalised_with_visionfms_statistics():
    assert VFM_MEAN == pytest.approx((0.4237375, 0.2609461, 0.1284039), abs=1e-7)
    assert VFM_STD == pytest.approx((0.2948253, 0.2016737, 0.1366802), abs=1e-7)
    preprocessor = MODELS.build(dict(type='FundusDataPreprocessor'))
    bgr = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    found = preprocessor(dict(inputs=[bgr]))['inputs'][0]
    rgb = bgr.flip(0).float() / 255
    expected = (rgb - torch.tensor(VFM_MEAN)[:, None, None]) / torch.tensor(VFM_STD)[:, None, None]
    assert torch.allclose(found, expected, atol=1e-5)


def test_compiled_it_computes_the_same(tiny_vit, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, 'compile', lambda function: lambda *args: (compiled.append(len(args)), function(*args))[1])
    x = torch.randn(2, 3, 64, 64)
    for plain, other in zip(tiny_vit()(x), tiny_vit(compile=True)(x)):
        assert torch.equal(plain, other)
    assert compiled == [2]

"""The encoder of timm keeps the contract: frozen, exact, cached, slim, exported."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmseg.registry import MODELS
from tiny import write_config

from mmseg_fundus.components import arguments
from mmseg_fundus.errors import CheckpointError, ConfigError, WeightsError
from mmseg_fundus.models import FoundationEncoder, FrozenTimmEncoder, FrozenVisionTransformer
from mmseg_fundus.models.encoders import timm_model
from mmseg_fundus.models.encoders.contract import encoder_of
from mmseg_fundus.models.encoders.trained import quarters

timm = pytest.importorskip('timm')
SMALL = dict(embed_dim=64, depth=4, num_heads=1)
MODEL = dict(model='vit_small_patch14_reg4_dinov2', options=dict(SMALL, img_size=56))


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    generator = torch.Generator().manual_seed(0)
    net = timm_model.timm_model(**{'name': MODEL['model'], 'options': MODEL['options']})
    state = {name: tensor + 0.2 * torch.randn(tensor.shape, generator=generator) for name, tensor in net.state_dict().items()}
    path = tmp_path_factory.mktemp('timm') / 'green.pth'
    torch.save(state, path)
    return str(path)


def test_maps_have_no_registers_and_pictures_any_size(file):
    encoder = FrozenTimmEncoder(file)
    assert encoder_of(encoder) is encoder and encoder.patch_size == 14 and encoder.embed_dims == 64 and encoder.out_indices == [0, 1, 2, 3]
    x = torch.randn(2, 3, 50, 71)
    maps = encoder(x)
    assert [tuple(level.shape) for level in maps] == [(2, 64, 4, 6)] * 4
    assert all(torch.equal(a, b) for a, b in zip(maps, encoder(F.pad(x, (0, 13, 0, 6)))))
    encoder.net.reg_token.data += torch.randn_like(encoder.net.reg_token)
    assert (encoder(x)[-1] - maps[-1]).abs().max() > 1e-3, 'registers must take part'


def test_nothing_is_trained_and_no_graph_is_kept_until_it_is_asked(file):
    encoder = FrozenTimmEncoder(file).train()
    x = torch.randn(1, 3, 56, 56)
    assert not any(level.requires_grad for level in encoder(x)) and not any(part.training for part in encoder.modules())
    kept = []
    for blocks in (1, 2):
        trained = FrozenTimmEncoder(file, trainable_blocks=blocks, norm_outputs=True).train()
        sizes = {}
        with torch.autograd.graph.saved_tensors_hooks(lambda t, sizes=sizes: (sizes.update({t.data_ptr(): t.nbytes}), t)[1], lambda t: t):
            maps = trained(x)
        kept.append(sum(sizes.values()))
        sum(level.square().mean() for level in maps).backward()
        names = {name for name, parameter in trained.named_parameters() if parameter.grad is not None}
        assert names == set(trained.trainable)
        assert {name.split('.')[2] for name in names if 'blocks' in name} == ({'3'} if blocks == 1 else {'2', '3'})
    assert kept[0] < 0.7 * kept[1]


def test_what_would_not_run_is_not_trained(file):
    encoder = FrozenTimmEncoder(file, out_indices=(0, 1), trainable_blocks='all').train()
    sum(level.mean() for level in encoder(torch.randn(1, 3, 56, 56))).backward()
    assert all((parameter.grad is not None) == parameter.requires_grad for parameter in encoder.parameters())
    encoder.net.blocks[3].requires_grad_(True)
    with pytest.raises(ConfigError, match='net.blocks.3.norm1.weight, .* out_indices=.0, 1. ends with block 1'):
        encoder(torch.randn(1, 3, 56, 56))


def test_its_identity_has_all_that_decides_the_maps(file, tmp_path):
    said = [
        FrozenTimmEncoder(file, **other).identity()
        for other in ({}, dict(norm_outputs=True), dict(out_indices=(1, 3)), dict(precision='bfloat16'))
    ]
    assert len({str(identity) for identity in said}) == 4 and FrozenTimmEncoder(file).identity() == said[0]
    assert said[0]['timm'] == timm.__version__ and said[0]['options']['img_size'] == 56 and 'reg4_dinov2' in said[0]['model']
    assert FrozenTimmEncoder(file, adapt=dict(type='LoRA', rank=2)).identity() is None


def test_bfloat16_keeps_the_maps_float32(file):
    x = torch.randn(1, 3, 56, 56)
    exact, rough = FrozenTimmEncoder(file)(x)[-1], FrozenTimmEncoder(file, precision='bfloat16')(x)[-1]
    assert rough.dtype == torch.float32 and 1e-5 < (rough - exact).norm() / exact.norm() < 0.05


@pytest.mark.parametrize(
    'settings, error, words',
    [
        (dict(weights=None), WeightsError, 'was given no weights'),
        (dict(weights='random'), ConfigError, "'random' tells no architecture; name it"),
        (dict(model='vit_smal_patch14_dinov2'), ConfigError, 'has no model .* it has .*dinov2'),
        (dict(model='resnet18'), ConfigError, "cannot build 'resnet18'|is a ResNet"),
        (dict(model='vit_base_patch16_dinov3'), WeightsError, 'does not fit'),
        (dict(options=dict(img_size=112)), WeightsError, 'pos_embed'),
        (dict(options=dict(proj_drop_rate=0.1)), ConfigError, "cannot have 'proj_drop_rate'"),
        (dict(options=dict(pretrained=True)), ConfigError, "cannot have 'pretrained'"),
        (dict(options=dict(widht=3)), ConfigError, 'timm cannot build'),
        (dict(out_indices=(3, 1)), ConfigError, 'ascending'),
    ],
)
def test_contradictions_are_refused_with_the_way_out(file, settings, error, words):
    with pytest.raises(error, match=words):
        FrozenTimmEncoder(**{'weights': file, **settings})


def test_without_timm_the_error_says_what_to_install(file, monkeypatch):
    def missing(name):
        raise ImportError(f'No module named {name!r}')

    monkeypatch.setattr(timm_model.importlib, 'import_module', missing)
    with pytest.raises(ConfigError, match='pip install timm'):
        FrozenTimmEncoder('random', **MODEL)


# ---- one name for both


def test_the_file_decides_which_encoder_is_built_and_of_which_size(file, tiny_weights):
    assert type(FoundationEncoder(file)) is FrozenTimmEncoder
    plain = MODELS.build(dict(type='FoundationEncoder', weights=str(tiny_weights), norm_outputs=True))
    assert type(plain) is FrozenVisionTransformer and plain.embed_dims == 48 and plain.norm_outputs and plain.pos_embed.shape[1] == 17
    assert type(FoundationEncoder('random', **MODEL)) is FrozenTimmEncoder and FoundationEncoder('random').out_indices == [2, 5, 8, 11]
    assert type(FoundationEncoder(str(tiny_weights), options={})) is FrozenVisionTransformer
    with pytest.raises(WeightsError, match="type='FoundationEncoder'"):
        FrozenVisionTransformer(file)
    with pytest.raises(TypeError, match="unexpected keyword argument 'out_indexes'"):
        FoundationEncoder(file, out_indexes=(1,))
    names, others = arguments(FoundationEncoder)
    assert {'weights', 'model', 'out_indices', 'adapt'} < names and not others


def test_a_file_that_does_not_fit_is_told_before_anything_is_built(file, tmp_path):
    state = torch.load(file, weights_only=True)
    FoundationEncoder.check_file(weights=file, out_indices=(0,))
    del state['blocks.2.mlp.fc1.bias']
    torch.save(state, tmp_path / 'less.pth')
    for build in (FoundationEncoder.check_file, FoundationEncoder):
        with pytest.raises(WeightsError, match='1 missing .blocks.2.mlp.fc1.bias'):
            build(weights=str(tmp_path / 'less.pth'))


@pytest.mark.parametrize(
    'depth, expected', [(12, [2, 5, 8, 11]), (24, [5, 11, 17, 23]), (32, [7, 15, 23, 31]), (4, [0, 1, 2, 3]), (2, [0, 1]), (1, [0])]
)
def test_maps_are_read_at_the_quarters_of_the_depth(depth, expected):
    assert quarters(depth) == expected


# ---- in a model


def model_config(tmp_path, file, data, **backbone):
    settings = dict(_delete_=True, type='FoundationEncoder', weights=file, **backbone)
    lines = (
        f"model['backbone'] = {settings!r}\nmodel['neck'].update(in_channels=64, num_levels=4)\nmodel['decode_head'].update(patch_size=16)"
    )
    return Config.fromfile(str(write_config(tmp_path, file, data, lines)))


def test_a_checkpoint_is_slim_and_a_full_one_needs_no_file(file, tmp_path, drive_like):
    cfg = model_config(tmp_path, file, drive_like).model
    cfg.decode_head = dict(type='mmseg.FCNHead', in_channels=16, channels=8, num_convs=1, num_classes=2)
    model = MODELS.build(cfg)
    slim = model.slim_state_dict(model.state_dict())
    assert not any(name.startswith('backbone.') for name in slim)
    MODELS.build(cfg).load_state_dict(dict(slim))
    state = model.state_dict()
    other = MODELS.build({**cfg, 'backbone': dict(type='FoundationEncoder', weights='from_checkpoint', **MODEL)})
    with pytest.raises(WeightsError, match='no checkpoint with a full encoder'):
        other.backbone(torch.zeros(1, 3, 56, 56))
    other.load_state_dict(state)
    x = torch.randn(1, 3, 70, 98)
    assert all(torch.equal(a, b) for a, b in zip(model.backbone(x), other.backbone(x)))
    state['backbone.net.cls_token'] = state['backbone.net.cls_token'] + 1
    with pytest.raises(CheckpointError, match='another frozen encoder'):
        model.load_state_dict(state)


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:torch.as_tensor results are registered:torch.jit.TracerWarning')  # of a size that is traced: below
def test_a_traced_graph_takes_every_size(file):
    """Also where the table is resized with antialiasing, which ONNX's older operators do not have."""
    encoder = FrozenTimmEncoder(file)
    traced = torch.jit.trace(encoder, torch.randn(1, 3, 70, 98))
    rotary = FrozenTimmEncoder('random', model='vit_base_patch16_dinov3', options=SMALL)
    for made, graph in ((encoder, traced), (rotary, torch.jit.trace(rotary, torch.randn(1, 3, 80, 112)))):
        for size in ((4, 4), (7, 3), (9, 8)):
            x = torch.randn(2, 3, size[0] * made.patch_size, size[1] * made.patch_size)
            assert all((a - b).norm() / b.norm() < 1e-5 for a, b in zip(graph(x), made(x)))


def test_what_the_file_decided_can_be_named_without_it(file):
    plain = dict(arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64), patch_size=8, pretrain_size=32)
    for encoder in (FoundationEncoder(file), FrozenVisionTransformer('random', **plain), FrozenVisionTransformer('random', 'deit-tiny')):
        again = MODELS.build({**encoder.without_file(), 'weights': 'from_checkpoint'})
        again.load_state_dict(encoder.state_dict())
        x = torch.randn(1, 3, 56, 56)
        assert all(torch.equal(a, b) for a, b in zip(again(x), encoder(x)))
    assert FrozenVisionTransformer('random', 'deit-tiny').without_file()['arch'] == 'deit-tiny'
    assert FoundationEncoder('from_checkpoint').without_file() == {}, 'a ViT-B/16 is what is built without a name'


def test_a_full_checkpoint_of_another_network_is_not_taken_for_a_decoder(file, tmp_path, drive_like):
    cfg = model_config(tmp_path, file, drive_like).model
    cfg.backbone = dict(type='FoundationEncoder', weights=file)
    whole = MODELS.build(cfg).state_dict()
    cfg.backbone = dict(type='FoundationEncoder', weights='from_checkpoint')
    cfg.neck.in_channels, cfg.decode_head.patch_size = None, None
    with pytest.raises(CheckpointError, match='holds another encoder than the one of this config: it has backbone.net.cls_token'):
        MODELS.build(cfg).load_state_dict(whole)

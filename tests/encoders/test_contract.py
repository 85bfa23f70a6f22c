"""Encoders are asked by their contract alone, and every backbone can be asked."""

import ast
import inspect
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModule
from mmseg.models.backbones import ResNet
from mmseg.registry import MODELS
from tiny import TINY
from torch import nn

import mmseg_fundus
from mmseg_fundus.components import arguments
from mmseg_fundus.errors import CheckpointError, ConfigError, WeightsError
from mmseg_fundus.models import FrozenVisionTransformer
from mmseg_fundus.models.encoders import FrozenEncoder, encoder_in, encoder_of
from mmseg_fundus.models.encoders.contract import MEMBERS, Encoder, keeps_contract

PACKAGE = Path(mmseg_fundus.__file__).parent
ASKING = ('getattr', 'hasattr')
ROOMS = ('models/encoders/', 'models/backbones/')  # where an encoder may be looked into


def asked_privately(text: str) -> list:
    """Lines on which a backbone or an encoder is asked whether it has something, or what class it is of."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in (*ASKING, 'isinstance') and node.args:
            about = ast.unparse(node.args[0]).lower()
            named = [argument.value for argument in node.args[1:2] if isinstance(argument, ast.Constant)]
            classes = node.func.id == 'isinstance' and 'FrozenVisionTransformer' in ast.unparse(node.args[1])
            asks = node.func.id in ASKING and ('backbone' in about or 'encoder' in about or named in (['backbone'], ['encoder']))
            if asks or classes:
                found.append(ast.unparse(node))
    return found


def test_nothing_outside_asks_a_backbone_for_what_the_contract_does_not_say():
    files = [*PACKAGE.rglob('*.py'), *PACKAGE.parent.joinpath('tools').glob('*.py')]
    outside = [file for file in files if not str(file.relative_to(PACKAGE.parent)).removeprefix('mmseg_fundus/').startswith(ROOMS)]
    assert len(outside) > 100
    assert {str(file): found for file in outside if (found := asked_privately(file.read_text()))} == {}


@pytest.mark.parametrize(
    'text, found',
    [
        ("getattr(model.backbone, 'source', None)", 1),
        ("hasattr(find_encoder(x), 'own_tensors')", 1),
        ("getattr(model, 'backbone', model)", 1),
        ('isinstance(x, FrozenVisionTransformer)', 1),
        ("getattr(model, 'module', model).backbone.source", 0),
    ],
)
def test_asking_privately_is_seen(text, found):
    assert len(asked_privately(text)) == found


class Plain(BaseModule):
    """A backbone that knows nothing of the contract."""

    def __init__(self, patch_size=4):
        super().__init__()
        self.patch_size = patch_size
        self.layer = nn.Conv2d(3, 5, 4, 4)
        self.norm = nn.BatchNorm2d(5)

    def forward(self, x):
        return (self.norm(self.layer(x)),)


class Around(nn.Module):
    """A wrapper that passes no attribute on."""

    def __init__(self, *inner):
        super().__init__()
        self.inner = nn.ModuleList(inner)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.inner[0](self.scale * x)


def answers(encoder: Encoder) -> dict:
    """Every member of the contract, asked."""
    return {
        **{name: getattr(encoder, name) for name in ('source', 'patch_size', 'embed_dims', 'normalisation', 'has_weights')},
        **{name: getattr(encoder, name) for name in ('in_weights_file', 'trainable')},
        **{name: getattr(encoder, name)() for name in ('own_tensors', 'fingerprint', 'identity', 'why_unknown', 'check_trainable')},
        'make_plain': encoder.make_plain(),
    }


def test_every_member_of_the_contract_can_be_asked_of_every_backbone(tiny_vit):
    named = {name for name in vars(Encoder) if not name.startswith('_')}
    assert set(MEMBERS) < named
    for backbone in (tiny_vit(), Around(tiny_vit()), Plain(), ResNet(depth=18)):
        encoder = encoder_of(backbone)
        assert {*answers(encoder), 'map_shape'} == named
        x = torch.randn(1, 3, 64, 64)
        assert all(torch.equal(a, b) for a, b in zip(encoder(x), backbone(x)))


def test_a_backbone_that_keeps_the_contract_is_its_own_encoder(tiny_vit):
    vit = tiny_vit()
    assert encoder_of(vit) is vit and keeps_contract(vit) and encoder_in(vit) is vit
    assert vit.map_shape(50, 64) == (3, 4, 4, 48) and vit.normalisation == vit.source.normalisation and vit.source.family == 'visionfm'


def test_an_encoder_in_a_wrapper_answers_for_its_tensors_and_the_wrapper_for_what_is_trained(tiny_vit):
    vit = tiny_vit()
    around = Around(vit)
    encoder = encoder_of(around)
    assert keeps_contract(around) and encoder.source is vit.source and encoder.fingerprint() == vit.fingerprint()
    assert encoder.in_weights_file and list(encoder.trainable) == ['scale'] and encoder.map_shape(64, 64) == vit.map_shape(64, 64)
    assert encoder.identity() is None and 'Around cannot be told from others' in encoder.why_unknown()
    assert torch.equal(encoder(torch.ones(1, 3, 64, 64))[0], around(torch.ones(1, 3, 64, 64))[0])


def test_two_encoders_in_a_wrapper_are_none(tiny_vit):
    assert not keeps_contract(Around(tiny_vit(), tiny_vit())) and encoder_of(Around(tiny_vit(), tiny_vit())).source is None


@pytest.mark.parametrize('side, patch', [(4, 4), ((8, 8), 8), ((8, 4), 1), (None, 1)])
def test_a_backbone_that_is_none_of_ours_says_what_is_known(side, patch):
    encoder = encoder_of(Plain(side))
    assert not keeps_contract(Plain()) and encoder.patch_size == patch and encoder.embed_dims == 0
    assert encoder.source is encoder.normalisation is encoder.identity() is None and encoder.has_weights and not encoder.in_weights_file
    assert {'layer.weight', 'norm.running_mean'} < encoder.own_tensors().keys() and len(encoder.fingerprint()) == 32
    assert encoder.why_unknown() == 'the backbone Plain cannot be told from others: its class does not define identity()'
    with pytest.raises(ConfigError, match='Plain are not known: its class has no map_shape'):
        encoder.map_shape(64, 64)


def test_a_class_that_keeps_a_part_of_the_contract_is_told_what_is_missing():
    class Half(Plain):
        def identity(self):
            return {}

    assert 'Half keeps only a part of the contract of encoders (missing: own_tensors, fingerprint,' in encoder_of(Half()).why_unknown()


class Core(Plain):
    """The eight members that outside code asks, and nothing else."""

    source, normalisation, patch_size, embed_dims, trainable = None, None, 8, 4, {}

    def __init__(self, setting=1):
        super().__init__()
        self.setting = setting

    def fingerprint(self):
        return bytes(32)

    def identity(self):
        return {'setting': self.setting}

    def map_shape(self, height, width):
        return 1, height // 8, width // 8, 4


def test_the_core_of_the_contract_is_enough_to_be_told_from_others():
    backbone = Core(setting=2)
    encoder = encoder_of(backbone.requires_grad_(False))
    assert keeps_contract(backbone) and encoder.identity()['says'] == {'setting': 2} and encoder.map_shape(64, 32) == (1, 8, 4, 4)
    torch.manual_seed(1)
    assert encoder.identity()['tensors'] != encoder_of(Core(2)).identity()['tensors']  # its fingerprint says nothing
    assert encoder.identity() != encoder_of(Core(3)).identity() and not encoder.in_weights_file and encoder.trainable == {}
    assert encoder_of(backbone.requires_grad_(True)).trainable
    backbone.register_forward_hook(lambda *arguments: None)
    assert encoder.identity() is None and 'hooked on' in encoder.why_unknown()


def test_a_slim_checkpoint_loads_into_a_stock_vit_with_the_same_tensors_and_into_no_other(tiny_config):
    cfg = Config.fromfile(str(tiny_config())).model
    ours = MODELS.build(cfg)
    slim = ours.slim_state_dict(ours.state_dict())
    stock = dict(type='mmpretrain.VisionTransformer', arch=TINY, img_size=64, out_indices=(0, 1, 2, 3), out_type='featmap')
    model = MODELS.build({**cfg, 'backbone': dict(stock, norm_cfg=dict(type='LN', eps=1e-6))})
    with pytest.raises(CheckpointError, match='trained with another frozen encoder .* than the one of this config'):
        model.load_state_dict(dict(slim))  # a random one had been taken
    model.backbone.load_state_dict(ours.backbone.state_dict())
    model.load_state_dict(dict(slim))


# ---- the constructor of ours


def test_ours_takes_ten_arguments_and_knows_the_names_of_old_configs():
    parameters = inspect.signature(FrozenVisionTransformer.__init__).parameters.values()
    named = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD][1:]
    assert len(named) == 10 and issubclass(FrozenVisionTransformer, FrozenEncoder)
    names, others = arguments(FrozenVisionTransformer)
    assert names == {*named, 'checkpoint_key', 'allow_unsafe', 'init_cfg', 'pretrained'} and not others


def test_an_argument_that_it_does_not_take_is_refused_as_python_does(tiny_vit):
    with pytest.raises(TypeError, match=r"FrozenVisionTransformer.__init__\(\) got an unexpected keyword argument 'out_indexes'"):
        tiny_vit(out_indexes=(1, 2))
    with pytest.raises(TypeError, match='unexpected keyword'):
        MODELS.build(dict(type='FrozenVisionTransformer', weights='random', drop_rate=0.1))


def test_the_branch_of_a_file_is_said_in_weights_or_as_in_old_configs(tiny_vit, tiny_weights, tmp_path):
    found = torch.load(tiny_weights, weights_only=False)
    found['student'] = {name: tensor + 1 for name, tensor in found['student'].items()}
    path = tmp_path / 'both.pth'
    torch.save(found, path)
    teacher, old = tiny_vit(weights=str(path)), tiny_vit(weights=str(path), checkpoint_key='student')
    new = tiny_vit(weights=dict(file=str(path), key='student'))
    assert old.fingerprint() == new.fingerprint() != teacher.fingerprint() == tiny_vit(weights=dict(file=str(path))).fingerprint()
    FrozenVisionTransformer.check_file(weights=dict(file=str(path), key='student'), arch=dict(TINY), pretrain_size=64)
    for weights, words in ((dict(fil=str(path)), "has 'fil'; write weights=dict.file="), (dict(key='student'), 'names no file')):
        with pytest.raises(WeightsError, match=words):
            tiny_vit(weights=weights)

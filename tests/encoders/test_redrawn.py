"""An encoder that has learnt nothing, of the architecture of a file: the same names and shapes, other numbers."""

import pytest
import torch
from tiny import TINY, write_weights

from mmseg_fundus.fileio.safe_load import safe_load
from mmseg_fundus.fileio.tensor_file import save_safetensors
from mmseg_fundus.models import FrozenVisionTransformer
from mmseg_fundus.models.encoders.redrawn import write_redrawn


@pytest.fixture
def redrawn(tiny_weights, tmp_path):
    return lambda seed=1, name='redrawn.pth': write_redrawn(tiny_weights, tmp_path / 'random' / name, seed)


def build(path):
    return FrozenVisionTransformer(str(path), arch=TINY, pretrain_size=64, out_indices=(0, 1, 2, 3))


def test_it_loads_as_the_file_does_and_shares_no_weight_with_it(redrawn, tiny_weights):
    first, second = build(tiny_weights), build(redrawn())
    assert first.own_tensors().keys() == second.own_tensors().keys()
    same = [name for name, tensor in second.own_tensors().items() if torch.equal(tensor, first.own_tensors()[name])]
    assert same == []


def test_it_is_drawn_as_a_vit_is_initialised(redrawn):
    own = build(redrawn()).own_tensors()
    assert 0.015 < own['layers.0.attn.qkv.weight'].std() < 0.025
    assert not own['layers.0.attn.qkv.bias'].any() and (own['ln1.weight'] == 1).all()


def test_a_seed_draws_the_same_numbers_again_and_another_one_others(redrawn):
    first, again, other = (build(redrawn(seed, f'{i}.pth')).fingerprint() for i, seed in enumerate((1, 1, 2)))
    assert first == again != other


def test_what_is_no_weight_stays(tmp_path):
    kept = {'rope.periods': torch.rand(4), 'blocks.0.attn.qkv.bias_mask': torch.ones(6), 'blocks.0.ls1.gamma': torch.full((6,), 0.1)}
    save_safetensors({**kept, 'steps': torch.tensor(3), 'norm.weight': torch.rand(6)}, tmp_path / 'a.safetensors', {'format': 'pt'})
    found = safe_load(write_redrawn(tmp_path / 'a.safetensors', tmp_path / 'b.safetensors', 1))
    assert all(torch.equal(found[name], tensor) for name, tensor in kept.items()) and found['steps'] == 3
    assert (found['norm.weight'] == 1).all() and found.metadata == {'format': 'pt'}


def test_student_and_teacher_that_share_their_tensors_still_do_and_the_optimizer_is_left_out(redrawn, tmp_path):
    write_weights(tmp_path / 'whole.pth')
    found = safe_load(redrawn())
    name = 'backbone.blocks.0.attn.qkv.weight'
    assert torch.equal(found['teacher'][name], found['student'][f'module.{name}']) and 'optimizer' not in found

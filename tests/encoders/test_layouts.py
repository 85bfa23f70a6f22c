"""Families of checkpoints: each a pure function that accounts for every key, open to other packages."""

import pytest
import torch

from mmseg_fundus.errors import ConfigError, WeightsError
from mmseg_fundus.families import IMAGENET
from mmseg_fundus.models.encoders import register_layout
from mmseg_fundus.models.encoders.layouts import LAYOUTS, Found, LayoutError, account, bare_name, recognise
from mmseg_fundus.models.encoders.layouts.visionfm import VFM_MEAN, VFM_STD
from mmseg_fundus.models.encoders.standin import standin_checkpoint
from mmseg_fundus.models.encoders.weights import read_encoder

CHECKPOINT = standin_checkpoint(embed_dims=48, num_layers=2, feedforward_channels=96, grid=4)
FLAT = {bare_name(name): tensor for name, tensor in CHECKPOINT['teacher'].items() if name.startswith('backbone.')}
DECODER = ('mask_token', 'decoder_pos_embed', 'decoder_blocks.0.attn.qkv.weight', 'decoder_pred.bias')
FILES = {
    'visionfm': (CHECKPOINT, CHECKPOINT['teacher']),
    'mae': ({'model': (mae := {**FLAT, **{name: torch.zeros(2) for name in DECODER}}), 'epoch': 3}, mae),
    'plain': (FLAT, FLAT),
}


@pytest.mark.parametrize('family', FILES)
def test_a_file_is_recognised_and_every_key_has_its_place(family):
    loaded, source = FILES[family]
    before = {name: tensor.clone() for name, tensor in source.items()}
    name, found = recognise(loaded, 'teacher')
    assert name == family
    assert sorted([*map(bare_name, found.dropped), *found.tensors]) == sorted(map(bare_name, source))
    assert found.tensors.keys() == FLAT.keys() and all(torch.equal(found.tensors[key], FLAT[key]) for key in FLAT)
    assert source.keys() == before.keys() and all(torch.equal(source[key], before[key]) for key in before)  # nothing was changed


def test_only_a_family_whose_statistics_are_known_brings_them():
    known = {family: recognise(loaded, 'teacher')[1].normalisation for family, (loaded, _) in FILES.items()}
    assert known == {'visionfm': (VFM_MEAN, VFM_STD), 'mae': IMAGENET, 'plain': None}


def test_each_function_leaves_the_files_of_the_others_alone():
    assert LAYOUTS['visionfm'](FLAT, 'teacher') is None and LAYOUTS['mae'](CHECKPOINT, 'teacher') is None
    with pytest.raises(LayoutError, match="has no 'student' weights, it holds teacher"):
        LAYOUTS['visionfm']({'teacher': CHECKPOINT['teacher']}, 'student')


@pytest.fixture
def family(monkeypatch):
    """The table as it was, afterwards."""
    before = dict(LAYOUTS)
    yield
    LAYOUTS.clear()
    LAYOUTS.update(before)


def test_another_packages_family_is_asked_first(family, tmp_path):
    def read(loaded, branch) -> Found | None:
        if 'tower' not in loaded:
            return None
        return account(loaded['tower'], "'tower' of ours", drop=(), rename=lambda key: key.removeprefix('vision/').replace('/', '.'))

    tower = {'vision/' + name.replace('.', '/'): tensor for name, tensor in FLAT.items()}
    torch.save({'tower': {**tower, 'version': 3}}, tmp_path / 'tower.pth')
    with pytest.raises(WeightsError, match='tower.pth holds no encoder tensors under flat'):
        read_encoder(tmp_path / 'tower.pth')
    register_layout('tower', read)
    found = read_encoder(tmp_path / 'tower.pth')
    assert found.family == 'tower' and found.tensors.keys() == FLAT.keys() and found.layout == "'tower' of ours"
    assert found.notes == ['1 entries that are no tensors left out: version'] and read_encoder_of(FLAT, tmp_path).family == 'plain'
    with pytest.raises(ConfigError, match="'tower' is there already"):
        register_layout('tower', read)


def read_encoder_of(content, folder):
    torch.save(content, folder / 'again.pth')
    return read_encoder(folder / 'again.pth')


@pytest.mark.parametrize('source, words', [({3: torch.ones(1)}, 'a key that is a int'), ({'a': 1}, 'holds no encoder tensors')])
def test_what_has_no_place_is_an_error(source, words):
    with pytest.raises(LayoutError, match=words):
        account(source, 'flat')

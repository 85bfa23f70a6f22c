"""An encoder cannot load silently wrong: every layout is understood, every key accounted for, everything else refused."""

import argparse
import os
import zipfile

import numpy as np
import pytest
import torch

from mmseg_fundus.errors import WeightsError
from mmseg_fundus.fileio.checksum import file_sha256
from mmseg_fundus.fileio.safe_load import safe_load
from mmseg_fundus.models.encoders.standin import standin_checkpoint
from mmseg_fundus.models.encoders.vit import describe, expected_shapes, to_mmpretrain
from mmseg_fundus.models.encoders.weights import load_encoder, read_encoder

EXPECTED = expected_shapes(48, 4, 96, 16, 17)
CHECKPOINT = standin_checkpoint(embed_dims=48, num_layers=4, feedforward_channels=96, grid=4)
FLAT = {name.removeprefix('backbone.'): tensor for name, tensor in CHECKPOINT['teacher'].items() if name.startswith('backbone.')}


def save(tmp_path, content, **kwargs):
    path = tmp_path / 'weights.pth'
    torch.save(content, path, **kwargs)
    return path


def with_prefix(prefix, tensors):
    return {prefix + name: tensor for name, tensor in tensors.items()}


def split_qkv(tensors):
    out = dict(tensors)
    for name in [name for name in tensors if '.qkv.' in name]:
        for letter, part in zip('qkv', out.pop(name).chunk(3)):
            out[name.replace('.qkv.', f'.{letter}.')] = part.clone()
    return out


@pytest.mark.parametrize(
    'content',
    [
        CHECKPOINT,
        {'teacher': CHECKPOINT['teacher']},
        FLAT,
        with_prefix('backbone.', FLAT),
        with_prefix('encoder.', FLAT),
        with_prefix('module.', FLAT),
        with_prefix('module.backbone.', FLAT),
        {'state_dict': with_prefix('backbone.', FLAT)},
        {'model': FLAT},
        split_qkv(FLAT),
        {'teacher': with_prefix('backbone.', split_qkv(FLAT))},
        {**FLAT, 'head.weight': torch.zeros(3, 48), 'masked_embed': torch.zeros(1, 48)},
    ],
    ids=['vfm', 'teacher', 'flat', 'backbone', 'encoder', 'module', 'both', 'state_dict', 'model', 'qkv', 'teacher-qkv', 'head'],
)
def test_every_layout_gives_the_same_tensors(tmp_path, content):
    found = load_encoder(save(tmp_path, content), EXPECTED)
    assert set(found.tensors) == set(EXPECTED)
    assert all(torch.equal(found.tensors[name], FLAT[name]) for name in EXPECTED)


def test_teacher_is_the_default_and_student_is_read_when_asked(tmp_path):
    student = {name: tensor + 1 for name, tensor in CHECKPOINT['student'].items()}
    path = save(tmp_path, {**CHECKPOINT, 'student': student})
    assert torch.equal(load_encoder(path, EXPECTED).tensors['norm.bias'], FLAT['norm.bias'])
    read = load_encoder(path, EXPECTED, 'student')
    assert torch.equal(read.tensors['norm.bias'], FLAT['norm.bias'] + 1)
    assert len(read.dropped) == 11  # 10 of the head, the mask token


def test_the_layout_of_the_real_file_holds_150_tensors_and_10_of_the_head():
    shapes = expected_shapes(768, 12, 3072, 16, 197)
    assert len(shapes) == 150
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 85_798_656
    assert sum(name.startswith('head.') for name in CHECKPOINT['teacher']) == 10


def test_numpy_scalars_and_namespace_load_under_both_spellings(tmp_path):
    path = save(tmp_path, {**CHECKPOINT, 'args': argparse.Namespace(lr=np.float64(0.1))})
    renamed = tmp_path / 'other.pth'
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(renamed, 'w') as target:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith('data.pkl'):  # the spelling of the other numpy; text opcodes, no lengths to mend
                old, new = b'cnumpy._core.multiarray\n', b'cnumpy.core.multiarray\n'
                data = data.replace(old, new) if old in data else data.replace(new, old)
                assert old in data or new in data
            target.writestr(item, data)
    for file in (path, renamed):
        assert safe_load(file)['args'].lr == 0.1


class Bomb:
    """Unpickling it makes a folder: code that would run."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize('legacy', [False, True], ids=['zip', 'legacy'])
@pytest.mark.parametrize('place', ['args', 'teacher', 'bare'])
def test_code_in_a_weights_file_is_refused_and_does_not_run(tmp_path, legacy, place):
    bomb = Bomb(tmp_path / 'ran')
    content = {'args': {**CHECKPOINT, 'args': bomb}, 'teacher': {**CHECKPOINT, 'teacher': {'x': bomb}}, 'bare': bomb}[place]
    path = save(tmp_path, content, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match='(?s)mkdir.*nothing in it ran.*--allow-unsafe'):
        load_encoder(path, EXPECTED)
    assert not (tmp_path / 'ran').exists()
    if place == 'args':  # explicitly allowed, it loads (and runs)
        load_encoder(path, EXPECTED, allow_unsafe=True)
        assert (tmp_path / 'ran').exists()


def foreign_files():
    vit_l = {name: torch.zeros(1).expand(shape) for name, shape in expected_shapes(1024, 24, 4096, 16, 197).items()}
    without = {name: tensor for name, tensor in FLAT.items() if not name.startswith('blocks.3.')}
    return {
        'ViT-L': (
            vit_l,
            ['ViT-L/16', 'width 48, 4 blocks', "type='FoundationEncoder', weights=FILE", 'cls_token is (1, 1, 1024), expected (1, 1, 48)'],
        ),
        'patch 32': ({**FLAT, 'patch_embed.proj.weight': torch.zeros(48, 3, 32, 32)}, ['patch 32', '1 of another shape']),
        'missing': (without, ['42/54 tensors fit', '12 missing (blocks.3.norm1.weight', '... 8 more']),
        'unexpected': ({**FLAT, 'blocks.0.gamma_1': torch.ones(48)}, ['1 unexpected (blocks.0.gamma_1)']),
        'half a qkv': (
            {k: v for k, v in split_qkv(FLAT).items() if not k.startswith('blocks.0.attn.k.')},
            ['2 missing (blocks.0.attn.qkv.weight', 'blocks.0.attn.q.weight'],
        ),
        'resnet': ({'layer1.0.conv1.weight': torch.zeros(1)}, ['seems to be a ResNet', '0/54']),
        'nothing': ({}, ['no encoder tensors']),
        'a list': ([1, 2], ['holds a list']),
        'NaN': ({**FLAT, 'norm.bias': torch.full((48,), float('nan'))}, ['norm.bias holds NaN']),
        'integers': ({**FLAT, 'norm.bias': torch.zeros(48, dtype=torch.int64)}, ['norm.bias holds torch.int64']),
        'beyond float32': ({**FLAT, 'norm.bias': torch.full((48,), 1e300, dtype=torch.float64)}, ['norm.bias holds NaN or infinite']),
        'complex': ({**FLAT, 'norm.bias': torch.zeros(48, dtype=torch.complex64)}, ['norm.bias holds torch.complex64']),
        'a long name': ({**FLAT, 'module.' * 400_000 + 'x': torch.zeros(1)}, ['a key of 2,800,001 characters', 'at most 1,000', 'mo...']),
        'a name of two lines': ({**FLAT, '\nOK\x1b[2J': torch.zeros(1)}, ["'\\nOK\\x1b[2J'", 'printable were expected']),
        'a q of another width': (
            {**split_qkv(FLAT), 'blocks.0.attn.k.weight': torch.zeros(5, 7)},
            ['1 missing (blocks.0.attn.qkv.weight)', '3 unexpected (blocks.0.attn.q.weight'],
        ),
        'q, k, v of no dimension': (
            {**split_qkv(FLAT), **{f'blocks.0.attn.{letter}.weight': torch.tensor(1.0) for letter in 'qkv'}},
            ['1 missing (blocks.0.attn.qkv.weight)', '3 unexpected'],
        ),
        'twice': ({**FLAT, 'backbone.norm.bias': torch.zeros(48)}, ["'norm.bias' and 'backbone.norm.bias' both mean"]),
        'odd table': ({**FLAT, 'pos_embed': torch.zeros(1, 15, 48)}, ['pos_embed is (1, 15, 48)']),
    }


@pytest.mark.parametrize('kind', foreign_files())
def test_what_does_not_fit_is_an_error_that_lists_it_and_names_what_the_file_is(tmp_path, kind):
    content, words = foreign_files()[kind]
    path = save(tmp_path, content)
    with pytest.raises(WeightsError) as error:
        load_encoder(path, EXPECTED)
    message = str(error.value)
    assert str(path) in message and '\n' not in message
    for word in words:
        assert word in message, message


def test_asking_for_a_branch_the_file_lacks_is_an_error(tmp_path):
    with pytest.raises(WeightsError, match="no 'teacher' weights, it holds student; set checkpoint_key='student'"):
        read_encoder(save(tmp_path, {'student': CHECKPOINT['student']}))


def unreadable_files():
    good = 'GOOD'
    return {
        'text': (b'epoch,loss\n1,0.5\n', "is a text file.*starts with 'epoch,loss'"),
        'html': (b'<!DOCTYPE html><html>login</html>' * 40, "text file.*'<!DOCTYPE html>"),
        'lfs pointer': (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'Git LFS pointer.*git lfs pull'),
        'empty': (b'', 'is empty'),
        'random bytes': (bytes(range(256)) * 8, 'cannot be read as a torch checkpoint'),
        'safetensors': ((100).to_bytes(8, 'little') + b'{"a":{}}' + b' ' * 92, 'safetensors'),
        'truncated': (good, 'is cut off'),
    }


@pytest.mark.parametrize('kind', unreadable_files())
def test_a_file_that_is_no_checkpoint_is_named_as_what_it_is(tmp_path, kind, tiny_weights):
    content, pattern = unreadable_files()[kind]
    path = tmp_path / 'weights.pth'
    whole = tiny_weights.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == 'GOOD' else content)
    with pytest.raises(WeightsError, match=f'(?s){path}.*{pattern}'):
        load_encoder(path, EXPECTED)


def test_every_truncation_of_a_checkpoint_is_refused(tmp_path, tiny_weights):
    whole = tiny_weights.read_bytes()
    path = tmp_path / 'weights.pth'
    for share in np.linspace(0, 0.999, 25):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(WeightsError):
            load_encoder(path, EXPECTED)


def test_a_flipped_bit_inside_a_tensor_is_found(tmp_path, tiny_weights):
    data = bytearray(tiny_weights.read_bytes())
    data[len(data) // 2] ^= 0x10
    path = tmp_path / 'weights.pth'
    path.write_bytes(data)
    with pytest.raises(WeightsError, match='is damaged'):
        load_encoder(path, EXPECTED)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path, monkeypatch):
    (tmp_path / 'other.pth').touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError) as error:
        read_encoder('VFM.pth')
    message = str(error.value)
    assert str(tmp_path / 'VFM.pth') in message and str(tmp_path) in message and 'other.pth' in message and '--weights' in message


def test_half_precision_is_raised_to_float32_and_said(tmp_path):
    found = load_encoder(save(tmp_path, {name: tensor.half() for name, tensor in FLAT.items()}), EXPECTED)
    assert all(tensor.dtype == torch.float32 for tensor in found.tensors.values())
    assert any('54 tensors converted to float32' in note for note in found.notes)


def test_the_standin_says_what_it_is_and_the_sha256_is_the_files(tiny_weights):
    import hashlib

    found = load_encoder(tiny_weights, EXPECTED)
    assert any('NOT VisionFM' in note for note in found.notes)
    assert found.sha256 == hashlib.sha256(tiny_weights.read_bytes()).hexdigest() == file_sha256(tiny_weights)


def test_a_note_in_a_file_cannot_write_over_the_screen(tmp_path):
    found = read_encoder(save(tmp_path, {**CHECKPOINT, 'about': '\x1b[31mred\nOK é'}))
    assert '\\x1b[31mred\\nOK é' in found.notes


def test_names_are_translated_one_to_one(tiny_vit):
    assert {to_mmpretrain(name) for name in EXPECTED} == set(tiny_vit().state_dict())


def test_architectures_are_named():
    assert describe(expected_shapes(768, 12, 3072, 16, 197)).startswith('ViT-B/16 (width 768, 12 blocks, patch 16')
    assert describe(expected_shapes(1024, 24, 4096, 14, 257)).startswith('ViT-L/14')


def mae(**more):
    decoder = ('mask_token', 'decoder_pos_embed', 'decoder_embed.weight', 'decoder_blocks.0.attn.qkv.weight', 'decoder_norm.bias')
    return {'model': {**FLAT, **{name: torch.zeros(1, 4) for name in (*decoder, 'decoder_pred.weight')}, **more}}


def test_a_masked_autoencoders_file_gives_its_encoder_and_what_its_pictures_were_normalised_with(tmp_path):
    found = load_encoder(save(tmp_path, mae()), EXPECTED)
    assert all(torch.equal(found.tensors[name], FLAT[name]) for name in EXPECTED) and len(found.dropped) == 6
    assert found.notes[0] == 'masked autoencoder: its decoder is left out' and found.normalisation.mean == (0.485, 0.456, 0.406)


def test_nothing_else_is_dropped_with_a_masked_autoencoders_decoder(tmp_path):
    with pytest.raises(WeightsError, match='2 unexpected .decoder_extra, text_mlp.weight'):
        load_encoder(save(tmp_path, mae(decoder_extra=torch.zeros(1), **{'text_mlp.weight': torch.zeros(1)})), EXPECTED)
    tensors = {**FLAT, 'decoder_norm.bias': torch.zeros(4)}  # no masked autoencoder: no decoder blocks
    with pytest.raises(WeightsError, match='1 unexpected .decoder_norm.bias'):
        load_encoder(save(tmp_path, {'model': tensors}), EXPECTED)


@pytest.mark.parametrize(
    'name, seems',
    [('decode_head.conv.weight', 'a trained segmentation model'), ('backbone.layers.0.ln1.weight', 'encoder.pth beside it, name that')],
)
def test_a_checkpoint_in_place_of_a_weights_file_is_named(tmp_path, name, seems):
    with pytest.raises(WeightsError, match=seems):
        load_encoder(save(tmp_path, {'state_dict': {name: torch.zeros(2)}}), EXPECTED)

"""Files of all families: recognised from keys and shapes, every tensor loaded or said to be dropped, never half right."""

import math
import sys

import numpy as np
import pytest
import torch
from family_files import (
    DEPTH,
    FILES,
    WIDTH,
    behind,
    drawn,
    hugging_dino,
    mae_decoder,
    meta_dinov2,
    meta_dinov3,
    openai_clip,
    retizero,
    timm_shapes,
)

from mmseg_fundus.errors import WeightsError
from mmseg_fundus.families import CLIP, HALF, IMAGENET, VISIONFM
from mmseg_fundus.models.encoders.architecture import architecture_of
from mmseg_fundus.models.encoders.layouts import FAMILIES, LayoutError, recognise
from mmseg_fundus.models.encoders.weights import load_encoder, read_encoder, weights_of

pytest.importorskip('timm')


@pytest.fixture
def saved(tmp_path):
    def save(content, name='file.pth'):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save


@pytest.mark.parametrize('kind', FILES)
def test_every_tensor_of_a_family_is_loaded_or_said_to_be_dropped(kind, saved):
    content, family, dropped = FILES[kind]
    found = load_encoder(saved(content), None)
    assert found.family == family and sorted(found.dropped) == sorted(dropped)
    assert found.architecture.depth == DEPTH and found.architecture.width == WIDTH and found.architecture.feedforward == 128
    assert found.normalisation == FAMILIES[family].normalisation and found.licence == FAMILIES[family].licence

    import timm

    model = timm.create_model(found.architecture.name, num_classes=0, **found.architecture.options)
    model.load_state_dict(found.tensors, strict=True)
    assert found.architecture.plain == (family in ('visionfm', 'dino', 'mae', 'urfound', 'transformers', 'retizero') or kind == 'timm ViT')


def test_a_safetensors_file_is_read_as_well(tmp_path):
    from safetensors.torch import save_file

    save_file(hugging_dino(False, 4), tmp_path / 'model.safetensors')
    found = load_encoder(tmp_path / 'model.safetensors', None)
    assert found.family == 'dinov2' and found.dropped == ['embeddings.mask_token']


def large(**options) -> dict:
    """Shapes of real size; the numbers take no memory."""
    return {name: torch.ones(1).expand(shape) for name, shape in timm_shapes(**options).items()}


VIT_L, VIT_B, VIT_S = dict(width=1024, depth=24, mlp=4096), dict(width=768, depth=12, mlp=3072), dict(width=384, depth=12, mlp=1536)
REAL = {
    'RETFound': ({'model': large(**VIT_L, rows=197) | drawn(mae_decoder())}, 'retfound_mae', 'vit_large_patch16_224', 16, 224),
    'RETFound, fine-tuned': ({'model': large(**VIT_L, rows=197, norm='fc_norm')}, 'retfound_mae', 'vit_large_patch16_224', 16, 224),
    'RETFound, DINOv2': (
        {'teacher': behind('backbone.', large(**VIT_L, patch=14, rows=257, scale=True))},
        'retfound_dinov2',
        'vit_large_patch14_dinov2',
        16,
        224,
    ),
    'RETFound-Green': (
        large(**VIT_S, patch=14, rows=784, scale=True, registers=4),
        'retfound_green',
        'vit_small_patch14_reg4_dinov2',
        6,
        392,
    ),
    'MAE ViT-B': ({'model': large(**VIT_B, rows=197) | drawn(mae_decoder())}, 'mae', 'vit_base_patch16_224', 12, 224),
    'MAE ViT-H': (
        {'model': large(width=1280, depth=32, mlp=5120, patch=14, rows=257) | drawn(mae_decoder())},
        'mae',
        'vit_huge_patch14_224',
        16,
        224,
    ),
    'VisionFM ViT-L': ({'teacher': behind('backbone.', large(**VIT_L, rows=197))}, 'visionfm', 'vit_large_patch16_224', 16, 224),
    'DINOv2 ViT-B': (large(**VIT_B, patch=14, rows=1370, scale=True), 'dinov2', 'vit_base_patch14_dinov2', 12, 518),
    'DINORET': (
        {'model': behind('backbone.', large(width=768, depth=15, mlp=3072, patch=14, rows=1370, scale=True))},
        'dinoret',
        'vit_base_patch14_dinov2',
        12,
        518,
    ),
    'a ViT-Ti': (large(width=192, depth=12, mlp=768, rows=197), 'plain', 'vit_tiny_patch16_224', 3, 224),
}


@pytest.mark.parametrize('kind', REAL)
def test_real_sizes_tell_the_family_and_its_model_in_timm(kind):
    content, family, name, heads, size = REAL[kind]
    told, found = recognise(content, 'teacher')
    seen = architecture_of(found.tensors, found.family)
    assert (told, seen.name, seen.heads) == (family, name, heads)
    assert seen.options == {'img_size': found.family.size or size} | ({'depth': 15} if kind == 'DINORET' else {})
    assert {name: tuple(tensor.shape) for name, tensor in found.tensors.items()} == seen.expected()


def test_each_family_brings_its_own_mean_and_std():
    known = {name: family.normalisation for name, family in FAMILIES.items()}
    assert known['visionfm'] == VISIONFM and known['retfound_green'] == HALF and known['eyeclip'] == known['clip'] == CLIP
    assert all(known[name] == IMAGENET for name in ('retfound_mae', 'retfound_dinov2', 'urfound', 'mae', 'dinov2', 'dinov3', 'retizero'))
    assert known['plain'] is None and known['transformers'] is None


def spoilt(what):
    content = {name: tensor.clone() for name, tensor in meta_dinov2(registers=4).items()}
    if what == 'missing':
        del content['blocks.1.ls2.gamma']
    elif what == 'renamed':
        content['blocks.1.mlp.fc3.weight'] = content.pop('blocks.1.mlp.fc1.weight')
    elif what == 'misshapen':
        content['blocks.0.attn.proj.weight'] = torch.zeros(5, 7)
    elif what == 'no table':
        del content['pos_embed']
    elif what == 'lora left over':
        content['blocks.0.attn.qkv.lora_A.weight'] = torch.zeros(8, WIDTH)
    elif what == 'neighbour':
        content |= {'blocks.0.gamma_1': torch.ones(WIDTH)}
    return content


@pytest.mark.parametrize(
    'what, words',
    [
        ('missing', '1 missing (blocks.1.ls2.gamma)'),
        ('renamed', '1 missing (blocks.1.mlp.fc1.weight); 1 unexpected (blocks.1.mlp.fc3.weight)'),
        ('misshapen', 'blocks.0.attn.proj.weight is (5, 7), expected (64, 64)'),
        ('no table', '1 missing (pos_embed); 1 unexpected (register_tokens)'),
        ('lora left over', '1 unexpected (blocks.0.attn.qkv.lora_A.weight)'),
        ('neighbour', '1 unexpected (blocks.0.gamma_1)'),
    ],
)
def test_one_wrong_tensor_is_one_line(what, words, saved):
    with pytest.raises(WeightsError) as error:
        load_encoder(saved(spoilt(what)), None)
    message = str(error.value)
    assert words in message and 'file.pth does not fit' in message and '\n' not in message, message


REFUSED = {
    'FLAIR': ({'vision_model.model.layer1.0.conv1.weight': torch.ones(1)}, 'is FLAIR, whose encoder is a ResNet-50'),
    'MIRAGE': ({'model': {'input_adapters.bscan.proj.weight': torch.ones(1)}}, 'is MIRAGE, which was made for OCT'),
    'Swin': ({'layers.0.blocks.0.attn.relative_position_bias_table': torch.ones(1)}, 'is a Swin transformer'),
    'ConvNeXt': ({'stages.0.blocks.0.conv_dw.weight': torch.ones(1)}, 'is a ConvNeXt'),
    'EyeCLIP': ({'model_state_dict': openai_clip(32)}, "is EyeCLIP's visual tower with patches of 32 pixels"),
    'CLIP of patch 32': (openai_clip(32), "is CLIP's visual tower with patches of 32 pixels"),
}


@pytest.mark.parametrize('kind', REFUSED)
def test_what_cannot_be_an_encoder_is_named_with_what_would_fit(kind, saved):
    content, words = REFUSED[kind]
    with pytest.raises(WeightsError, match=words) as error:
        read_encoder(saved(content))
    assert 'RETFound' in str(error.value) and 'file.pth' in str(error.value)


def test_a_family_that_is_named_replaces_one_that_has_the_same_keys(saved):
    path = saved(FILES['timm ViT'][0])
    file, key, unsafe = weights_of(dict(file=str(path), family='visionfm'))
    found = read_encoder(file, key, unsafe)
    assert found.family == 'visionfm' and found.normalisation == VISIONFM and read_encoder(path).normalisation is None
    assert any('taken as VisionFM, as was asked' in note for note in found.notes)


@pytest.mark.parametrize(
    'named, words', [('retfound_green', 'DINOv3.*RETFound-Green'), ('retfond', "family='retfond', which is none of visionfm")]
)
def test_a_family_that_the_keys_contradict_is_an_error_that_names_both(named, words, saved):
    with pytest.raises(WeightsError, match=words):
        read_encoder(weights_of(dict(file=str(saved(meta_dinov3())), family=named))[0])


@pytest.mark.parametrize('content, other, said', [(FILES['timm CLIP'][0], 'clip', 'exact'), (openai_clip(), 'openclip', 'quick')])
def test_clips_gelu_is_that_of_the_spelling_and_the_other_can_be_named(content, other, said, saved):
    path = saved(content)
    found, named = read_encoder(path), read_encoder(weights_of(dict(file=path, family=other))[0])
    assert found.normalisation == named.normalisation == CLIP and any(f"family='{other}'" in note for note in found.notes)
    assert ('quickgelu' in found.architecture.name) == (said == 'quick') != ('quickgelu' in named.architecture.name)


def test_lora_is_merged_into_q_and_v(saved):
    content, found = retizero(), load_encoder(saved(retizero()), None)
    source = {name.removeprefix('vision_model.model.lora_vit.'): tensor for name, tensor in content.items()}
    x = torch.randn(5, WIDTH)
    q, k, v = torch.nn.functional.linear(x, source['blocks.1.attn.qkv.qkv.weight'], source['blocks.1.attn.qkv.qkv.bias']).chunk(3, 1)
    added = [x @ source[f'blocks.1.attn.qkv.linear_a_{n}.weight'].T @ source[f'blocks.1.attn.qkv.linear_b_{n}.weight'].T for n in 'qv']
    got = torch.nn.functional.linear(x, found.tensors['blocks.1.attn.qkv.weight'], found.tensors['blocks.1.attn.qkv.bias'])
    assert torch.allclose(got, torch.cat((q + added[0], k, v + added[1]), 1), atol=1e-4, rtol=1e-5)
    assert any('scale 1' in note for note in found.notes)


def test_registers_take_the_row_of_the_class_token_off_the_table(saved):
    content, found = meta_dinov2(registers=4), load_encoder(saved(meta_dinov2(registers=4)), None)
    assert torch.equal(found.tensors['cls_token'], content['cls_token'] + content['pos_embed'][:, :1])
    assert torch.equal(found.tensors['pos_embed'], content['pos_embed'][:, 1:])
    assert torch.equal(found.tensors['reg_token'], content['register_tokens'])


def test_the_masked_bias_of_k_is_gone(saved):
    content, found = meta_dinov3(), load_encoder(saved(meta_dinov3()), None)
    q, _, v = content['blocks.0.attn.qkv.bias'].chunk(3)
    assert torch.equal(found.tensors['blocks.0.attn.q_bias'], q) and torch.equal(found.tensors['blocks.0.attn.v_bias'], v)
    assert found.architecture.heads == 1  # 16 periods are a quarter of 64 channels


def sine_table(width: int, side: int) -> np.ndarray:
    """MAE's table, number by number."""
    table = np.zeros((1, side * side + 1, width), np.float32)
    for row in range(side):
        for column in range(side):
            for k in range(width // 4):
                turn = 10000 ** (-k / (width / 4))
                values = [f(at * turn) for at in (column, row) for f in (math.sin, math.cos)]
                for part, value in enumerate(values):
                    table[0, 1 + row * side + column, part * width // 4 + k] = value
    return table


def test_the_sine_table_tells_a_masked_autoencoder_unless_the_file_says_what_it_is(saved):
    content = FILES['timm ViT'][0] | {'pos_embed': torch.from_numpy(sine_table(WIDTH, 4))}
    found = read_encoder(saved(content))
    assert found.family == 'mae' and found.normalisation == IMAGENET and any("position table is MAE's" in note for note in found.notes)
    assert read_encoder(saved({'state_dict': content, 'about': 'our own photographs'})).family == 'plain'


def test_a_chunked_file_of_the_other_branch_says_which_it_has(saved):
    path = saved({'model': behind('student.backbone.', meta_dinov2(chunked=True))})
    with pytest.raises(WeightsError, match="no 'teacher' weights, it holds student"):
        read_encoder(path)
    assert load_encoder(path, None, 'student').layout == "'student' in 'model' of a training checkpoint"


def test_without_timm_the_error_says_what_to_install(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    assert load_encoder(saved(FILES['VisionFM'][0]), None).architecture.plain
    with pytest.raises(WeightsError, match='pip install timm'):
        load_encoder(saved(meta_dinov3()), None)


def test_a_depth_beyond_all_bounds_is_no_vit(saved):
    with pytest.raises(WeightsError, match='holds no ViT that is known'):
        load_encoder(saved({**FILES['timm ViT'][0], 'blocks.999.norm1.weight': torch.ones(WIDTH)}), None)


def test_nobody_is_told_of_heads_that_were_guessed_in_silence(saved):
    odd = drawn(timm_shapes(width=48))
    assert any('3 heads of attention are assumed' in note for note in load_encoder(saved(odd), None).notes)
    assert not any('assumed' in note for note in load_encoder(saved(FILES['timm ViT'][0]), None).notes)


def test_layouts_raise_nothing_but_layout_errors_on_odd_values():
    for content, _, _ in FILES.values():
        for key in [*content][:4]:
            for odd in (None, 3, 'x', torch.tensor(1.0), torch.ones(2, 2, dtype=torch.int64), {}):
                try:
                    found = recognise({**content, key: odd}, 'teacher')[1]
                except LayoutError:
                    continue
                architecture_of(found.tensors, found.family)


def test_the_log_says_what_is_bound_to_a_family_and_what_was_dropped(saved):
    words = read_encoder(saved(meta_dinov2())).in_words()
    assert ', 1 dropped knowingly (mask_token); family dinov2 (DINOv2): mean, std (0.485' in words and 'licence Apache-2.0' in words
    assert read_encoder(saved(FILES['VisionFM'][0])).in_words() == ', 2 dropped knowingly (head, mask token)'


def test_a_bias_of_k_that_nothing_masks_is_not_passed_over(saved):
    whole = meta_dinov3()
    bare = {key: value for key, value in whole.items() if not key.endswith('bias_mask')}
    with pytest.raises(WeightsError, match=r'unexpected \(blocks.0.attn.qkv.bias'):
        load_encoder(saved(bare), None)
    for i in range(DEPTH):
        bare[f'blocks.{i}.attn.qkv.bias'][WIDTH : 2 * WIDTH] = 0
    assert load_encoder(saved(bare), None).tensors.keys() == load_encoder(saved(whole), None).tensors.keys()

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.runner.checkpoint import load_state_dict as mmengine_load
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_fundus.errors import CheckpointError, ConfigError


@pytest.fixture
def build(tiny_config):
    def make(extra='', **test_cfg):
        model = Config.fromfile(tiny_config(extra)).model
        model.test_cfg.update(test_cfg)
        torch.manual_seed(0)
        return MODELS.build(model).eval()

    return make


@pytest.mark.parametrize('size', [(64, 64), (50, 70), (33, 16), (1, 1)], ids=str)
def test_logits_lie_exactly_over_the_input(build, size):
    assert build()(torch.randn(1, 3, *size)).shape == (1, 2, *size)


def test_padding_is_cut_off_not_squeezed_in(build):
    model = build()
    x = torch.randn(1, 3, 50, 70)
    with torch.no_grad():
        assert torch.allclose(model(x), model(F.pad(x, (0, 10, 0, 14)))[:, :, :50, :70], atol=1e-6)


def test_whole_mode_resizes_to_its_size_and_back(build):
    x = torch.randn(2, 3, 91, 77)
    sample = [SegDataSample(metainfo=dict(ori_shape=(91, 77), img_shape=(91, 77))) for _ in range(2)]
    with torch.no_grad():
        found = build(size=(64, 48)).predict(x, sample)
        small = build()(F.interpolate(x, (64, 48), mode='bilinear', antialias=True))
    expected = F.interpolate(small, (91, 77), mode='bilinear')
    for i in range(2):
        assert torch.allclose(found[i].seg_logits.data, expected[i], atol=1e-5)
        assert found[i].pred_sem_seg.data.shape == (1, 91, 77)


@pytest.mark.parametrize(
    'meta',
    [
        dict(ori_shape=(40, 30)),
        dict(ori_shape=(91, 77), img_padding_size=(3, 1, 2, 5)),
        dict(ori_shape=(33, 26), padding_size=(3, 1, 2, 5)),
        dict(ori_shape=(40, 30), flip=True, flip_direction='horizontal'),
        dict(ori_shape=(52, 30), flip=True, flip_direction='vertical', img_padding_size=(0, 2, 4, 0)),
    ],
    ids=['as it is', 'padded and larger', 'padded', 'mirrored', 'upside down'],
)
def test_a_prediction_lies_over_the_photograph_as_mmseg_puts_it(build, meta):
    model, logits = build(), torch.randn(1, 2, 40, 30)
    (ours,) = model.postprocess_result(logits, [SegDataSample(metainfo=meta)])
    (theirs,) = EncoderDecoder.postprocess_result(model, logits, [SegDataSample(metainfo=meta)])
    assert torch.equal(ours.seg_logits.data, theirs.seg_logits.data)
    assert torch.equal(ours.pred_sem_seg.data, theirs.pred_sem_seg.data) and ours.pred_sem_seg.data.dtype == theirs.pred_sem_seg.data.dtype


def test_loss_reports_its_terms_and_trains_the_decoder_only(build):
    model = build().train()
    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 2, (1, 50, 70))))
    losses = model.loss(torch.randn(2, 3, 50, 70), [sample, sample])
    assert set(losses) == {'decode.loss_ce', 'decode.loss_dice', 'decode.acc_seg', 'Dice'}
    (losses['decode.loss_ce'] + losses['decode.loss_dice']).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (not name.startswith('backbone.')), name


@pytest.mark.parametrize('loader', ['torch', 'mmengine'])
def test_loading_a_checkpoint_is_strict_however_it_is_loaded(build, loader):
    model = build()
    load = model.load_state_dict if loader == 'torch' else lambda state, strict: mmengine_load(model, state, strict=strict)
    state = model.state_dict()
    load(state, strict=False)
    for change, words in (
        (lambda s: s.pop('decode_head.conv_seg.bias'), r'1 missing \(decode_head.conv_seg.bias\)'),
        (lambda s: s.update(extra=torch.zeros(1)), r'1 unexpected \(extra\)'),
        (lambda s: s.update({'decode_head.conv_seg.bias': torch.zeros(5)}), r'of another shape \(decode_head.conv_seg.bias \(5,\)'),
    ):
        changed = dict(state)
        change(changed)
        with pytest.raises(CheckpointError, match=words):
            load(changed, strict=False)


def test_a_checkpoint_without_encoder_keeps_the_one_that_was_loaded(build):
    model = build()
    before = model.backbone.pos_embed.clone()
    mmengine_load(model, {name: tensor for name, tensor in model.state_dict().items() if not name.startswith('backbone.')})
    assert torch.equal(model.backbone.pos_embed, before)


def test_unknown_test_settings_are_refused(build):
    with pytest.raises(ConfigError, match=r"\['sise'\]"):
        build(sise=(64, 64))


def test_a_slim_state_names_the_encoder_it_leaves_out_and_gives_the_same_logits(build):
    model, x = build(), torch.randn(1, 3, 64, 64)
    slim = model.slim_state_dict(model.state_dict())
    assert not any(name.startswith('backbone.') for name in slim) and len(slim['encoder_sha256']) == 32
    other = build()
    with torch.no_grad():
        for parameter in other.decode_head.parameters():
            parameter.add_(1)
        for load in (other.load_state_dict, lambda state: mmengine_load(other, state, strict=True)):
            load(dict(slim))
            assert torch.equal(other(x), model(x))


def test_a_slim_state_is_refused_where_the_encoder_is_another_or_missing(build, other_weights):
    slim = build().slim_state_dict(build().state_dict())
    with pytest.raises(CheckpointError, match='trained with another frozen encoder .*other_weights.pth.*name the weights file'):
        build(f"model['backbone']['weights'] = {str(other_weights(seed=5))!r}").load_state_dict(dict(slim))
    with pytest.raises(CheckpointError, match="decoder alone.*weights='from_checkpoint' names none.*export_checkpoint"):
        build("model['backbone']['weights'] = 'from_checkpoint'").load_state_dict(dict(slim))


@pytest.mark.parametrize('extra', ["model['backbone']['weights'] = 'random'", "model['backbone']['trainable_blocks'] = 1"])
def test_an_encoder_that_no_file_has_stays_in_the_checkpoint(build, extra):
    state = build(extra).state_dict()
    assert build(extra).slim_state_dict(state) is state


def test_the_fingerprint_is_that_of_the_values_not_of_the_file(build, other_weights):
    def print_of(path):
        return build(f"model['backbone']['weights'] = {str(path)!r}").backbone.fingerprint()

    path = other_weights(seed=0)
    flat = {name: tensor.clone() for name, tensor in torch.load(path, weights_only=False)['teacher'].items()}
    copy = path.with_name('copy.pth')
    torch.save(flat, copy)
    assert print_of(path) == print_of(copy) == build().backbone.fingerprint()
    flat['backbone.cls_token'][0, 0, 0] += 1e-3
    torch.save(flat, copy)
    assert print_of(copy) != print_of(path)

"""Bfloat16 where it is asked for, float32 at every interface."""

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_fundus.engine import load_config
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.models import precision


@pytest.fixture
def segmentor(tiny_config):
    def build(encoder='float32', decoder='float32'):
        torch.manual_seed(0)
        cfg = load_config(tiny_config(), {'model.backbone.precision': encoder, 'model.precision': decoder})
        return MODELS.build(cfg.model).eval()

    return build


def relative(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


def test_maps_in_bfloat16_are_float32_and_near_those_in_float32(segmentor):
    x = torch.randn(2, 3, 64, 64)
    exact, fast = segmentor().backbone(x), segmentor(encoder='bfloat16').backbone(x)
    for a, b in zip(exact, fast):
        assert b.dtype == torch.float32 and 0 < relative(b, a) < 0.03


def test_a_decoder_in_bfloat16_puts_out_float32_logits_and_gradients_near_the_others(segmentor):
    x = torch.randn(2, 3, 64, 64)
    found = []
    for decoder in ('float32', 'bfloat16'):
        model = segmentor(decoder=decoder)
        logits = model(x)
        logits.square().mean().backward()
        found.append((logits.detach(), model.decode_head.conv_seg.weight.grad))
    (exact, exact_gradient), (fast, fast_gradient) = found
    assert fast.dtype == fast_gradient.dtype == torch.float32
    assert 0 < relative(fast, exact) < 0.05 and 0 < relative(fast_gradient, exact_gradient) < 0.05


@pytest.mark.parametrize(('native', 'expected'), [(True, 'bfloat16'), (False, 'float32')])
def test_auto_is_bfloat16_only_where_the_machine_computes_it(monkeypatch, native, expected):
    monkeypatch.setattr(precision, 'native_bfloat16', lambda device: native)
    assert precision.resolve_precision('auto', 'cpu') == expected
    with precision.computing_in('auto', 'cpu'):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert str(product.dtype) == f'torch.{expected}'


def test_float32_leaves_an_outer_autocast_alone(segmentor):
    model = segmentor()
    with torch.autocast('cpu', torch.bfloat16):
        assert model.fuse(model.encode(torch.randn(1, 3, 64, 64)))[0].dtype == torch.bfloat16


@pytest.mark.parametrize('which', ['encoder', 'decoder'])
def test_an_unknown_precision_is_refused(segmentor, which):
    with pytest.raises(ConfigError, match="precision='float16'.*float32, bfloat16, auto"):
        segmentor(**{which: 'float16'})

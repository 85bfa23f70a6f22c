import importlib.util
from pathlib import Path

import pytest
import torch

from mmseg_fundus.errors import ConfigError
from mmseg_fundus.models import MLAFusionNeck, VesselUpsamplingHead

spec = importlib.util.spec_from_file_location('reference', Path(__file__).with_name('reference.py'))
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

LOSS = dict(type='VesselLoss')


def test_logits_equal_a_plain_reading_of_the_guides_decoder():
    """Levels 0, 6, 11 of a 768 wide encoder, 64 channels, sum; stages 128, 128, 64, 64; every weight and statistic random."""
    torch.manual_seed(0)
    neck, head = MLAFusionNeck(num_levels=3), VesselUpsamplingHead(loss_decode=LOSS)
    for module in (neck, head):
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) * 0.5 + 0.1 if tensor.ndim == 1 else torch.randn_like(tensor) * 0.05)
    norms = [stage[0].bn for stage in head.stages]
    weights = dict(
        projections=[(p.conv.weight, p.conv.bias) for p in neck.projections],
        stages=[(s[0].conv.weight, n.weight, n.bias, n.running_mean, n.running_var) for s, n in zip(head.stages, norms)],
        classifier=(head.conv_seg.weight, head.conv_seg.bias),
    )
    maps = [torch.randn(2, 768, 5, 7) for _ in range(3)]
    with torch.no_grad():
        found = head.eval()(neck.eval()(maps))
        expected = reference.guide_decoder(weights, maps)
    assert [s[0].conv.out_channels for s in head.stages] == [128, 128, 64, 64]
    assert found.shape == expected.shape == (2, 2, 80, 112)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_top_down_fusion_follows_the_setr_paper():
    neck = MLAFusionNeck(in_channels=8, channels=4, num_levels=3, fusion='top_down').eval()
    maps = [torch.randn(1, 8, 3, 5) for _ in range(3)]
    p = [projection(x) for projection, x in zip(neck.projections, maps)]
    sums = [p[0] + p[1] + p[2], p[1] + p[2], p[2]]
    expected = neck.reduction(torch.cat([refine(x) for refine, x in zip(neck.refinements, sums)], dim=1))
    assert torch.allclose(neck(maps)[0], expected, atol=1e-6)
    assert expected.shape == (1, 4, 3, 5)


@pytest.mark.parametrize('fusion', ['sum', 'top_down'])
@pytest.mark.parametrize('levels', [1, 2, 5])
def test_any_number_of_levels_fuses_and_every_one_counts(fusion, levels):
    neck = MLAFusionNeck(in_channels=6, channels=4, num_levels=levels, fusion=fusion)
    maps = [torch.randn(1, 6, 2, 2, requires_grad=True) for _ in range(levels)]
    (fused,) = neck(maps)
    fused.square().sum().backward()
    assert fused.shape == (1, 4, 2, 2) and all(m.grad.abs().sum() > 0 for m in maps)


@pytest.mark.parametrize('patch, plan', [(8, [128, 128, 64]), (16, [128, 128, 64, 64]), (32, [128, 128, 64, 64, 32])])
def test_stages_are_worked_out_from_the_patch_size(patch, plan):
    head = VesselUpsamplingHead(in_channels=4, patch_size=patch, loss_decode=LOSS).eval()
    assert [stage[0].conv.out_channels for stage in head.stages] == plan
    assert head((torch.randn(1, 4, 2, 3),)).shape == (1, 2, 2 * patch, 3 * patch)


@pytest.mark.parametrize(
    'build, words',
    [
        (lambda: VesselUpsamplingHead(patch_size=33, loss_decode=LOSS), 'patch_size=33 must be a whole number from 2 to 32'),
        (lambda: VesselUpsamplingHead(patch_size=None, loss_decode=LOSS), 'patch_size=None follows the encoder of a VesselSegmentor'),
        (lambda: MLAFusionNeck(in_channels=None), 'in_channels=None follows the encoder of a VesselSegmentor; without one, name a number'),
        (lambda: MLAFusionNeck(num_levels=None), 'num_levels=None follows'),
        (lambda: VesselUpsamplingHead(patch_size=16, stage_channels=(8, 8), loss_decode=LOSS), 'takes 4 stages'),
        (lambda: VesselUpsamplingHead(num_classes=1, loss_decode=LOSS), 'two classes'),
        (lambda: VesselUpsamplingHead(out_channels=1, loss_decode=LOSS), 'leave num_classes=2 and out_channels out'),
        (lambda: MLAFusionNeck(in_channels=(4, 4), num_levels=3), 'num_levels=3'),
        (lambda: MLAFusionNeck(fusion='mean'), "'sum' or 'top_down'"),
        (lambda: MLAFusionNeck(in_channels=4, num_levels=2)([torch.zeros(1, 4, 1, 1)]), 'neck.num_levels'),
    ],
)
def test_contradictions_are_refused_with_the_way_out(build, words):
    with pytest.raises(ConfigError, match=words):
        build()

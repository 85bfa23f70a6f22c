"""Small segmentors to export, in which every tensor matters."""

import torch
from mmseg.registry import MODELS
from torch import nn

from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.engine.config import load_config

LOSS = dict(type='VesselLoss')
HEADS = {
    'upsampling': {},
    'detail': dict(type='VesselDetailHead', in_channels=16, detail_channels=(4, 8, 8), loss_decode=LOSS),
    'local contrast': dict(type='VesselDetailHead', in_channels=16, detail_channels=(4, 8), local_contrast=33, loss_decode=LOSS),
    'patch 14': dict(patch_size=None, stage_channels=None),
    'patch 14, detail': dict(type='VesselDetailHead', in_channels=16, patch_size=None, detail_channels=(4, 8, 8, 8), loss_decode=LOSS),
    'paper': dict(
        type='SETRMLAHead',  # mmseg's, at a quarter of the resolution
        in_channels=(16,) * 4,
        in_index=(0, 1, 2, 3),
        channels=16,
        mla_channels=4,
        num_classes=2,
        out_channels=2,
        norm_cfg=dict(type='BN'),
        loss_decode=LOSS,
    ),
}
PAPER_NECK = dict(_delete_=True, type='MLANeck', in_channels=[48] * 4, out_channels=16, norm_cfg=dict(type='BN'))


def small_model(config, head='upsampling', test_cfg=None, **changes):
    """The segmentor of a ``tiny_config``, with another head, ``test_cfg``, and settings (dotted keys)."""
    cfg = load_config(config)
    if HEADS[head]:
        cfg.merge_from_dict({'model.decode_head': dict(_delete_='type' in HEADS[head], **HEADS[head])})
    if head.startswith('patch 14'):
        cfg.merge_from_dict({'model.backbone': dict(weights='random', patch_size=14, pretrain_size=56), 'model.neck.in_channels': None})
    if head == 'paper':
        cfg.merge_from_dict({'model.neck': PAPER_NECK})
    if test_cfg:
        cfg.merge_from_dict({'model.test_cfg': dict(_delete_=True, **test_cfg)})
    cfg.merge_from_dict(changes)
    model = MODELS.build(cfg.model).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for module in (*model.neck.modules(), *model.decode_head.modules()):
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    _spread(model)
    return model


def _spread(model):
    """Log odds of mean 0 and standard deviation 2, so that a difference shows in the probabilities."""
    bgr = torch.from_numpy(synthetic_fundus(0, 96)[0][:, :, ::-1].transpose(2, 0, 1).copy())
    background, vessel = model._forward(model.data_preprocessor(dict(inputs=[bgr]), False)['inputs'])[0]
    log_odds = vessel - background
    last = model.decode_head.conv_seg
    last.weight.mul_(2 / log_odds.std())
    last.bias.copy_(last.bias * 2 / log_odds.std() - torch.tensor([0, 2 * log_odds.mean() / log_odds.std()]))

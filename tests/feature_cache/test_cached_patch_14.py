"""Crops and windows that are no multiple of the patch: kept and read as any others."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from tiny import TINY, write_weights

from mmseg_fundus.engine import load_config
from mmseg_fundus.models.backbones import FrozenTimmEncoder, FrozenVisionTransformer


@pytest.fixture(params=['mmpretrain', 'timm'])
def backbone(request, tmp_path):
    """A tiny encoder of patches of 14: mmpretrain's plain ViT, or one of timm with registers that its file decides."""
    path = tmp_path / 'weights14.pth'
    if request.param == 'mmpretrain':
        return dict(weights=str(write_weights(path, patch_size=14)), arch=TINY, patch_size=14, pretrain_size=56)
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    net = timm.create_model('vit_small_patch14_reg4_dinov2', num_classes=0, embed_dim=64, depth=4, num_heads=1, img_size=56)
    torch.save(net.state_dict(), path)
    return dict(_delete_=True, type='FoundationEncoder', weights=str(path))


@pytest.fixture
def train(backbone, tiny_config, tmp_path, monkeypatch):
    """Trains on crops of 50x60; returns the losses, the figures, and how many inputs the encoder saw."""
    seen = []
    for kind in (FrozenVisionTransformer, FrozenTimmEncoder):
        run = kind.encode
        monkeypatch.setattr(kind, 'encode', lambda self, x, run=run: (seen.append(len(x)), run(self, x))[1])

    def train(name, **options):
        seen.clear()
        settings = {
            'model.backbone': backbone,
            'model.neck.in_channels': None,
            'model.decode_head': dict(
                _delete_=True, type='VesselDetailHead', in_channels=16, detail_channels=(4, 8, 8, 8), loss_decode=dict(type='VesselLoss')
            ),
            'model.test_cfg': dict(_delete_=True, mode='slide', crop_size=(48, 40), stride=(30, 30)),
            'train_dataloader.dataset.augmentation.size': (50, 60),
            'train_dataloader.sampler.views': 1,
            'default_hooks.logger.interval': 1,
            'default_hooks.feature_cache.folder': str(tmp_path / 'cache'),
            **options,
        }
        cfg = load_config(tiny_config(), settings)
        cfg.experiment_name, cfg.work_dir = f'{tmp_path.name}{name}', str(tmp_path / name)
        Runner.from_cfg(cfg).train()
        lines = [json.loads(line) for line in next(Path(cfg.work_dir).rglob('scalars.json')).read_text().splitlines()]
        losses = np.array([line['train/loss'] for line in lines if 'train/loss' in line])
        return losses, np.array([line['val/loss'] for line in lines if 'val/Dice' in line]), sum(seen)

    return train


def test_a_training_on_crops_that_are_no_multiple_of_14_is_the_one_without_the_cache(train):
    losses, figures, seen = train('first')
    again, figures_again, seen_again = train('again')
    plain, plain_figures, _ = train('plain', **{'default_hooks.feature_cache.enabled': False})
    assert seen and not seen_again and np.array_equal(losses, again) and np.array_equal(figures, figures_again)
    assert len(losses) and np.abs(losses - plain).max() < 2e-3 and np.abs(figures - plain_figures).max() < 5e-3

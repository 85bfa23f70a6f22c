"""Crops and windows that are no multiple of the patch: kept and read as any others."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.runner import Runner
from tiny import TINY, write_weights

from mmseg_fundus.engine import load_config
from mmseg_fundus.models.backbones import FrozenVisionTransformer


@pytest.fixture
def train(tiny_config, tmp_path, monkeypatch):
    """Trains a tiny ViT of patches of 14 on crops of 50x60; returns its losses, its figures, and how many inputs the encoder saw."""
    seen, run = [], FrozenVisionTransformer._run
    monkeypatch.setattr(FrozenVisionTransformer, '_run', lambda self, x: (seen.append(len(x)), run(self, x))[1])
    weights = write_weights(tmp_path / 'weights14.pth', patch_size=14)

    def train(name, **options):
        seen.clear()
        settings = {
            'model.backbone': dict(weights=str(weights), arch=TINY, patch_size=14, pretrain_size=56),
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

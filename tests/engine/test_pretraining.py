"""Pretraining an encoder on photographs without labels, and using it as weights."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS
from PIL import Image
from tiny import ROOT, TINY

from mmseg_fundus.datasets import View
from mmseg_fundus.engine import SaveEncoderHook
from mmseg_fundus.engine.config import load_config
from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.fileio.safe_load import safe_load
from mmseg_fundus.models import FrozenVisionTransformer


@pytest.fixture
def photographs(drive_like, tmp_path):
    """Pictures of two folders, without labels, and a file that is none."""
    for i, source in enumerate(sorted((drive_like / 'training' / 'images').iterdir())[:4]):
        target = tmp_path / 'photographs' / ('clinic' if i % 2 else 'study/2024') / f'{i}.png'
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(source).save(target)
    (tmp_path / 'photographs' / 'notes.txt').write_text('nothing')
    return tmp_path / 'photographs'


class LossRecorder(Hook):
    def __init__(self, losses):
        self.losses = losses

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append(outputs['loss'].item())


def pretraining(folder, data, epochs=2):
    """The shipped config with the tiny ViT at 64 pixels."""
    options = {
        'model.backbone.arch': dict(TINY, _delete_=True),
        'model.backbone.img_size': 64,
        'model.neck.num_patches': 16,
        'model.neck.embed_dim': 48,
        'model.neck.decoder_embed_dim': 32,
        'model.neck.decoder_depth': 1,
        'model.neck.decoder_num_heads': 2,
        'train_dataloader.batch_size': 4,
        'train_dataloader.num_workers': 0,
        'train_dataloader.sampler.repeats': 4,
        'train_dataloader.dataset.augmentation.size': (64, 64),
        'train_dataloader.dataset.augmentation.pixels_per_degree': None,
        'train_cfg.max_epochs': epochs,
        'default_hooks.encoder.interval': 1,
        'param_scheduler': [],
        'log_level': 'WARNING',
    }
    cfg = load_config(ROOT / 'configs/pretrain/mae_vitb16.py', options, str(folder), str(data))
    cfg.experiment_name = f'{folder.parent.name}-{epochs}'  # mmengine keeps one visualizer a name, and names by the second
    return Runner.from_cfg(cfg)


def test_photographs_need_no_labels(photographs):
    augmentation = dict(size=(32, 32), zoom=1.0, rotate=0, scale=(1, 1), brightness=0, contrast=0)
    dataset = DATASETS.build(dict(type='FundusPhotographsDataset', data_root=str(photographs), augmentation=augmentation))
    assert sorted(dataset.get_data_info(i)['name'] for i in range(len(dataset))) == ['0', '1', '2', '3']
    view = dataset[View(0, 0, 0)]
    assert view['inputs'].shape == (3, 32, 32)
    outside = view['data_samples'].gt_sem_seg.data[0].numpy() == 255
    assert set(np.unique(view['data_samples'].gt_sem_seg.data)) <= {0, 255}
    assert not outside.all()
    assert torch.equal(view['inputs'], dataset[View(0, 0, 0)]['inputs'])
    assert not torch.equal(view['inputs'], dataset[View(0, 1, 0)]['inputs'])


def test_a_folder_without_photographs_is_named(tmp_path):
    with pytest.raises(DataError, match=f'{tmp_path} holds no photograph'):
        DATASETS.build(dict(type='FundusPhotographsDataset', data_root=str(tmp_path), augmentation=dict()))


@pytest.mark.slow
def test_what_was_pretrained_is_the_frozen_encoder(photographs, tmp_path):
    runner = pretraining(tmp_path / 'work', photographs)
    before = {name: tensor.clone() for name, tensor in runner.model.backbone.state_dict().items()}
    runner.train()
    file = tmp_path / 'work' / 'encoder.pth'
    frozen = FrozenVisionTransformer(weights=file, arch=TINY, pretrain_size=64, out_indices=(3,), norm_outputs=True)
    trained = runner.model.backbone
    trained.eval()
    assert not torch.equal(trained.state_dict()['layers.2.attn.qkv.weight'], before['layers.2.attn.qkv.weight'])
    pictures = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        tokens = trained(pictures, mask=None)[0]  # class token first
    expected = tokens[:, 1:].transpose(1, 2).reshape(2, 48, 4, 4)
    torch.testing.assert_close(frozen(pictures)[0], expected, rtol=1e-5, atol=1e-5)
    assert any('32 views of 4 photographs without labels' in note and str(photographs) in note for note in frozen.source.notes)


@pytest.mark.slow
def test_pretraining_goes_on_where_it_was(photographs, tmp_path):
    runner = pretraining(tmp_path / 'work', photographs, epochs=1)
    runner.train()
    first = safe_load(tmp_path / 'work' / 'encoder.pth')['state_dict']
    again = pretraining(tmp_path / 'work', photographs, epochs=3)
    again._resume, again._load_from = True, str(tmp_path / 'work' / 'epoch_1.pth')
    losses = []
    again.register_hook(LossRecorder(losses), priority='VERY_LOW')
    again.train()
    assert len(losses) == 8  # two epochs of four steps
    assert not torch.equal(first['norm.weight'], safe_load(tmp_path / 'work' / 'encoder.pth')['state_dict']['norm.weight'])


@pytest.mark.slow
def test_the_shipped_configs_build():
    for path in sorted((ROOT / 'configs/pretrain').glob('*.py')):
        cfg = Config.fromfile(str(path))
        model = MODELS.build(cfg.model)
        assert model.backbone.num_patches == 196 and model.head.norm_pix
        size = cfg.train_dataloader.dataset.augmentation['size']
        assert size[0] == size[1] == cfg.model.backbone.img_size


def test_an_interval_below_one_is_refused():
    with pytest.raises(ConfigError, match='interval=0'):
        SaveEncoderHook(interval=0)

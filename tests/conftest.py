"""Small synthetic stand-ins that the tests share: a tiny ViT's weights file, a DRIVE-like folder, a config."""

import os
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
torch.set_num_threads(1)

from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmseg.registry import MODELS  # noqa: E402

from mmseg_fundus.datasets.synthetic import write_drive_layout  # noqa: E402
from mmseg_fundus.models import FrozenVisionTransformer  # noqa: E402
from mmseg_fundus.models.standin import standin_checkpoint  # noqa: E402

TINY = dict(embed_dims=48, num_layers=4, num_heads=3, feedforward_channels=96)
STANDIN = dict(embed_dims=48, num_layers=4, feedforward_channels=96, grid=4)
DRIVE = ROOT.parent / 'shared' / 'data' / 'DRIVE'


@pytest.fixture(autouse=True, scope='session')
def cache(tmp_path_factory):
    """Found fields of view are kept in the tests' own folder."""
    os.environ['FUNDUS_CACHE'] = str(tmp_path_factory.mktemp('cache'))


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.fixture(scope='session')
def root():
    return ROOT


@pytest.fixture(scope='session')
def real_drive():
    if not DRIVE.is_dir():
        pytest.skip('the real DRIVE pictures are not on this machine')
    return DRIVE


def write_weights(path, seed=0, **arch):
    """A stand-in whose every tensor matters: large weights, random biases and norms (as initialised, the blocks do next to nothing)."""
    checkpoint = standin_checkpoint(seed, **{**STANDIN, **arch})
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in checkpoint['teacher'].items():
        if tensor.ndim == 1:
            tensor += 0.3 * torch.randn(tensor.shape, generator=generator)
        elif 'blocks' in name or 'token' in name or 'pos' in name:
            tensor *= 8
    torch.save(checkpoint, path)
    return path


@pytest.fixture(scope='session')
def tiny_weights(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp('weights') / 'tiny.pth')


@pytest.fixture
def other_weights(tmp_path):
    """Writes more weights files, with another seed or position table."""
    return lambda **arch: write_weights(tmp_path / 'other_weights.pth', **arch)


@pytest.fixture
def tiny_vit(tiny_weights):
    """Builds the tiny ViT; arguments override."""

    def build(**kwargs):
        return FrozenVisionTransformer(**{**dict(weights=tiny_weights, arch=TINY, pretrain_size=64, out_indices=(0, 1, 3)), **kwargs})

    return build


@pytest.fixture(scope='session')
def drive_like(tmp_path_factory):
    """DRIVE's folders with 6 training and 3 test pictures of 64x64; tests do not change it."""
    return write_drive_layout(tmp_path_factory.mktemp('data') / 'DRIVE', training=6, test=3, size=64)


@pytest.fixture
def tiny_config(tmp_path, tiny_weights, drive_like):
    """A config file that inherits from the DRIVE one, with the tiny ViT, 64 pixels and no workers; lines can be added."""

    def write(extra='', name='tiny.py'):
        loader = 'dict(num_workers=0, persistent_workers=False, dataset=dict(data_root={root!r}{more}))'
        lines = [
            f'_base_ = {str(ROOT / "configs" / "setr_mla_vitb16_frozen_drive.py")!r}',
            f'model = dict(backbone=dict(weights={str(tiny_weights)!r}, arch={TINY!r}, pretrain_size=64, out_indices=(0, 1, 2, 3),',
            "        precision='float32'), precision='float32',",
            '    neck=dict(in_channels=48, channels=16),',
            '    decode_head=dict(in_channels=16, stage_channels=(16, 16, 8, 8)), test_cfg=dict(size=(64, 64)))',
            'train_dataloader = ' + loader.format(root=str(drive_like), more=', augmentation=dict(size=(64, 64))'),
            'val_dataloader = ' + loader.format(root=str(drive_like), more=''),
            'test_dataloader = ' + loader.format(root=str(drive_like), more=''),
            'train_cfg = dict(max_epochs=2, val_interval=1)',
            'default_hooks = dict(checkpoint=dict(interval=1))',
            'optim_wrapper = dict(optimizer=dict(lr=0.003))',
            f'work_dir = {str(tmp_path / "work")!r}',
            f'experiment_name = {tmp_path.name!r}',
            extra,
        ]
        path = tmp_path / name
        path.write_text('\n'.join(lines))
        return path

    return write


@pytest.fixture
def tiny_checkpoint(tiny_config, tmp_path):
    """Writes a config and a slim checkpoint of it that was not trained; more can be put into the file's ``meta``."""

    def write(extra='', **meta):
        config, path = tiny_config(extra), tmp_path / 'tiny.pth'
        torch.manual_seed(0)
        model = MODELS.build(Config.fromfile(str(config)).model)
        torch.save({'meta': meta, 'state_dict': model.slim_state_dict(model.state_dict())}, path)
        return config, path

    return write

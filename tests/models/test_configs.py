"""The shipped configs build, and say what they do."""

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_fundus.engine.data_roots import roots
from mmseg_fundus.zoo import bundled

CONFIGS = {  # input size, crops or not, data set
    'setr_mla_vitb16_frozen': (224, False, 'FIVESVesselDataset'),
    'setr_mla_vitb16_frozen_drive': (224, False, 'DRIVEVesselDataset'),
    'setr_mla_vitb16_frozen_stare': (224, False, 'STAREVesselDataset'),
    'setr_mla_vitb16_frozen_chase_db1': (224, False, 'ChaseDB1VesselDataset'),
    'setr_mla_vitb16_frozen_hrf': (224, False, 'HRFVesselDataset'),
    'setr_mla_vitb16_frozen_native': (224, True, 'DRIVEVesselDataset'),
    'setr_mla_vitb16_frozen_native_stare': (224, True, 'STAREVesselDataset'),
    'setr_mla_vitb16_frozen_native_chase_db1': (224, True, 'ChaseDB1VesselDataset'),
    'setr_mla_vitb16_frozen_native_hrf': (512, True, 'HRFVesselDataset'),
    'setr_mla_vitb16_frozen_native_fives': (512, True, 'FIVESVesselDataset'),
    'setr_mla_vitb16_frozen_detail': (192, True, 'DRIVEVesselDataset'),
    'setr_mla_vitb16_frozen_detail_lora': (192, True, 'DRIVEVesselDataset'),
    'setr_mla_vitb16_frozen_detail_stare': (192, True, 'STAREVesselDataset'),
    'setr_mla_vitb16_frozen_detail_chase_db1': (192, True, 'ChaseDB1VesselDataset'),
    'setr_mla_vitb16_frozen_detail_hrf': (512, True, 'HRFVesselDataset'),
    'setr_mla_vitb16_frozen_detail_fives': (512, True, 'FIVESVesselDataset'),
    'setr_mla_vitb16_frozen_detail_drive_chase_db1': (192, True, 'FundusVessels'),
    'setr_mla_vitb16_frozen_every_camera': (192, True, 'FundusVessels'),
    'setr_mla_retfound_vitl16_frozen': (192, True, 'DRIVEVesselDataset'),
    'setr_mla_retfound_dinov2_vitl14_frozen': (224, True, 'DRIVEVesselDataset'),
    'setr_mla_retfound_green_vits14_frozen': (224, True, 'DRIVEVesselDataset'),
    'setr_mla_urfound_vitb16_frozen': (192, True, 'DRIVEVesselDataset'),
    'setr_mla_dinov2_vitb14_frozen': (224, True, 'DRIVEVesselDataset'),
    'setr_mla_dinov3_vitb16_frozen': (192, True, 'DRIVEVesselDataset'),
    'setr_mla_timm_frozen': (192, True, 'DRIVEVesselDataset'),
    'setr_mla_vitb16_frozen_paper': (224, False, 'FIVESVesselDataset'),
    'setr_mla_default': (512, False, 'FIVESVesselDataset'),
    'quickstart': (320, False, 'DRIVEVesselDataset'),
}
WITHOUT_ENCODER = {
    **{name: ('picture', 386162) for name in ('contrast_unet', 'contrast_unet_longer')},
    'contrast_unet_drive': ('contrast', 385838),
}  # sees, parameters


def _view(cfg):
    dataset = cfg.train_dataloader.dataset
    return dataset.view if dataset.type == 'FundusVessels' else dataset.augmentation


def _val_fraction(dataset):
    return (dataset.division if dataset.type == 'FundusVessels' else dataset).get('val_fraction')


def test_every_config_is_tested(root):
    assert {path.stem for path in (root / 'configs').glob('*.py')} == {*CONFIGS, *WITHOUT_ENCODER}


@pytest.mark.slow
@pytest.mark.parametrize('name', CONFIGS)
def test_config_builds_and_its_sizes_agree(root, name):
    size, crops, dataset = CONFIGS[name]
    cfg = Config.fromfile(str(root / 'configs' / f'{name}.py'))
    augmentation, test_cfg = _view(cfg), cfg.model.test_cfg
    assert tuple(augmentation.size) == tuple(test_cfg.crop_size if crops else test_cfg.size) == (size, size)
    assert augmentation.get('zoom') == test_cfg.get('zoom') and (augmentation.get('zoom') is not None) == crops
    assert augmentation.get('pixels_per_degree') == test_cfg.get('pixels_per_degree')
    assert test_cfg.mode == ('slide' if crops else 'whole')
    assert {cfg[f'{part}_dataloader'].dataset.type for part in ('train', 'val', 'test')} == {dataset}
    assert len({tuple(one.path for one in roots(cfg, [part])) for part in ('train', 'val', 'test')}) == 1 and roots(cfg)
    assert _val_fraction(cfg.train_dataloader.dataset) == _val_fraction(cfg.val_dataloader.dataset) is not None
    cfg.model.backbone.weights = 'random'
    if cfg.model.backbone.type == 'FoundationEncoder':  # the file decides which one is built; here it is one of another width and patch
        cfg.model.backbone.update(type='FrozenVisionTransformer', arch='deit-small', patch_size=14 if '14' in name else 16)
    model = MODELS.build(cfg.model).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 64, 64)).shape == (1, 2, 64, 64)
    trained = {name.split('.')[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    in_encoder = {'setr_mla_default', 'setr_mla_vitb16_frozen_detail_lora'}
    assert trained == ({'backbone', 'neck', 'decode_head'} if name in in_encoder else {'neck', 'decode_head'})


@pytest.mark.parametrize('name', WITHOUT_ENCODER)
def test_config_without_an_encoder_builds_and_needs_no_file(root, name):
    cfg = Config.fromfile(str(root / 'configs' / f'{name}.py'))
    view, test_cfg = _view(cfg), cfg.model.test_cfg
    assert view.zoom == 1.0 and test_cfg.mode == 'whole' and test_cfg.size is None
    least, most = test_cfg.pixels_per_degree  # what a training sees
    assert view.pixels_per_degree * view.scale[0] <= least <= view.pixels_per_degree <= most <= view.pixels_per_degree * view.scale[1]
    assert cfg.train_dataloader.dataset.split == 'trainval' and cfg.test_dataloader.dataset.split == 'test'
    model = MODELS.build(cfg.model).eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, 50, 64)).shape == (1, 2, 50, 64)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert (cfg.model.decode_head.sees, parameters) == WITHOUT_ENCODER[name]
    assert all(name.startswith('decode_head.') and parameter.requires_grad for name, parameter in model.named_parameters())


def test_the_model_that_comes_with_the_package_is_that_of_its_config(root):
    """But for the poses, which cost eight times the time, and the frame around the field of view."""
    config, _ = bundled()
    shipped, trained = (Config.fromfile(str(path)).model for path in (config, root / 'configs/contrast_unet.py'))
    assert not shipped.test_cfg.get('tta') and trained.test_cfg.pop('tta') is True
    assert shipped.test_cfg.pop('crop_to_fov') and not trained.test_cfg.pop('crop_to_fov')
    assert shipped == trained


def test_the_recommended_config_is_what_the_readme_says(root):
    cfg = Config.fromfile(str(root / 'configs' / 'setr_mla_vitb16_frozen.py'))
    assert cfg.train_dataloader.batch_size == 4 and cfg.train_cfg.max_epochs == 100
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=1e-4, weight_decay=1e-4)
    assert cfg.model.backbone.out_indices == (2, 5, 8, 11) and cfg.randomness.seed == 42


@pytest.mark.parametrize('path', ['configs', 'configs/_base_'])
def test_leaf_configs_are_short(root, path):
    for config in (root / path).glob('*.py'):
        limit = 25 if path == 'configs' else 60
        assert len(config.read_text().splitlines()) <= limit, config


@pytest.mark.slow
def test_the_ablation_changes_one_thing_each_and_never_meets_a_test_picture(root):
    paths = sorted((root / 'configs/ablation').glob('*.py'))
    assert len(paths) > 5
    for path in paths:
        cfg = Config.fromfile(str(path))
        assert cfg.train_dataloader.dataset.split == 'train' and cfg.val_dataloader.dataset.split == 'val', path
        assert cfg.test_dataloader.dataset.split == 'val' and cfg.test_dataloader.dataset.val_fraction == 0.2, path
        assert path.read_text().startswith('# ') and len(path.read_text().splitlines()) <= 5 + (path.stem == 'base'), path
        cfg.model.backbone.update(weights='random', arch=dict(embed_dims=24, num_layers=12, num_heads=2, feedforward_channels=24))
        cfg.model.neck.in_channels = 24
        assert MODELS.build(cfg.model).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 2, 32, 32), path

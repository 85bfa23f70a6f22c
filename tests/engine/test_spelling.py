"""A misspelt key of any part of a config is refused with the name that is meant, and no valid config is."""

from pathlib import Path

import mmseg
import pytest
from mmengine.config import Config

from mmseg_fundus.engine import load_config
from mmseg_fundus.engine.spelling import check_spelling
from mmseg_fundus.errors import ConfigError


@pytest.mark.parametrize(
    'option, meant',
    [
        ('train_dataloader.batchsize', 'batch_size'),
        ('val_dataloader.num_worker', 'num_workers'),
        ('train_dataloader.sampler.view', 'views'),
        ('train_dataloader.dataset.data_rot', 'data_root'),
        ('train_dataloader.dataset.augmentation.rotat', 'rotate'),
        ('test_dataloader.dataset.pipeline.0.color_typ', 'color_type'),
        ('optim_wrapper.clip_gard', 'clip_grad'),
        ('optim_wrapper.acumulative_counts', 'accumulative_counts'),
        ('optim_wrapper.optimizer.weight_deacy', 'weight_decay'),
        ('optim_wrapper.clip_grad.max_nrom', 'max_norm'),
        ('optim_wrapper.paramwise_cfg.norm_deacy_mult', 'norm_decay_mult'),
        ('param_scheduler.eta_mn', 'eta_min'),
        ('train_cfg.max_epoch', 'max_epochs'),
        ('default_hooks.checkpoint.intervall', 'interval'),
        ('default_hooks.chekpoint.interval', 'checkpoint'),
        ('visualizer.vis_backend', 'vis_backends'),
        ('visualizer.vis_backends.1.save_dri', 'save_dir'),
        ('model.backbone.out_indice', 'out_indices'),
        ('model.neck.chanels', 'channels'),
        ('model.decode_head.loss_decode.ce_wieght', 'ce_weight'),
        ('model.data_preprocessor.size_divsor', 'size_divisor'),
        ('model.test_cfg.tresh', 'threshold'),
        ('model.test_cfg.strid', 'stride'),
        ('val_evaluator.detial', 'detail'),
        ('env_cfg.cudnn_benchmrk', 'cudnn_benchmark'),
        ('env_cfg.mp_cfg.opencv_num_thread', 'opencv_num_threads'),
        ('env_cfg.dist_cfg.timout', 'timeout'),
        ('randomness.sed', 'seed'),
        ('log_processor.mean_patern', 'mean_pattern'),
        ('custom_imports.import', 'imports'),
    ],
)
def test_a_misspelt_key_is_refused_with_the_one_that_is_meant(tiny_config, option, meant):
    where, _, key = option.removesuffix('.interval').rpartition('.')
    with pytest.raises(ConfigError, match=rf"'{key}'.*; did you mean '{meant}'\?") as refused:
        load_config(tiny_config(), {option: 1})
    assert where in str(refused.value) and '--cfg-options' in str(refused.value)


@pytest.mark.parametrize(
    'line, words',
    [
        ("model['test_cfg']['thresold'] = 0.3", r"tiny.py: model.test_cfg takes no 'thresold'; did you mean 'threshold'"),
        ('randomness = dict(sed=1)', "randomness takes no 'sed'; did you mean 'seed'"),
        ("default_hooks['checkpont'] = dict(type='VesselCheckpointHook')", "one more hook, 'checkpont'; did you mean 'checkpoint'"),
        ("default_hooks['mine'] = dict(interval=3)", 'default_hooks.mine has no type'),
        ("load_form = 'x.pth'", "did you mean 'load_from'"),
        ("model['test_cfg'] = dict(_delete_=True, mode='slide', crop_size=(64, 64), strid=(32, 32))", "'strid'; did you mean 'stride'"),
        (
            "train_dataloader['dataset'] = [train_dataloader['dataset']]",
            "dataset is a list; several data sets in one are .*'ConcatDataset'",
        ),
    ],
)
def test_what_would_be_ignored_in_a_file_is_refused(tiny_config, line, words):
    with pytest.raises(ConfigError, match=words):
        load_config(tiny_config(line))


def test_a_key_of_a_list_that_is_not_there_is_one_line(tiny_config):
    with pytest.raises(ConfigError, match='test_dataloader.dataset.pipeline is a list of 3'):
        load_config(tiny_config(), {'test_dataloader.dataset.pipeline.7.type': 'X'})


def test_unknown_components_their_keys_and_ones_own_hooks_are_left_alone(tiny_config):
    extra = (
        "model['neck']['extra'] = dict(type='SomebodysLayer', detial=1)\ndefault_hooks['mine'] = dict(type='EMAHook', momentum=0.1)\n"
        "model['backbone'] = dict(_delete_=True, type='TIMMBackbone', model_name='x', features_only=True, pretrained=False, in_chans=3)\n"
        "optim_wrapper['constructor'] = 'LearningRateDecayOptimizerConstructor'\n"
        "optim_wrapper['paramwise_cfg'] = dict(decay_rate=0.9, layer_decay_rate=0.9, num_layers=4)\n"
        "param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=5), dict(type='PolyLR', power=0.9, end=9)]\n"
    )
    load_config(tiny_config(extra))


FAMILIES = (
    'beit',
    'convnext',
    'fcn',
    'hrnet',
    'maskformer',
    'ocrnet',
    'pidnet',
    'point_rend',
    'san',
    'segformer',
    'segmenter',
    'setr',
    'unet',
)


@pytest.mark.parametrize('family', FAMILIES)
def test_mmsegs_own_configs_are_valid(family):
    folder = Path(mmseg.__file__).parent / '.mim' / 'configs' / family
    path = sorted(folder.glob('*.py'))[0]
    check_spelling(Config.fromfile(str(path)), path.name)


@pytest.mark.slow
def test_every_config_of_this_package_is_valid(root):
    for path in sorted((root / 'configs').rglob('*.py')):
        if '_base_' not in path.parts:
            load_config(path)

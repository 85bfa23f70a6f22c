import argparse

import pytest

from mmseg_fundus.engine import load_config
from mmseg_fundus.engine.config import use_dataset
from mmseg_fundus.engine.options import common_options
from mmseg_fundus.engine.training_options import apply_training_options
from mmseg_fundus.errors import ConfigError


def test_short_options_reach_every_data_set_and_the_backbone(tiny_config):
    cfg = load_config(tiny_config(), work_dir='w', data_root='/data/X', weights='file.pth')
    assert {cfg[f'{part}_dataloader'].dataset.data_root for part in ('train', 'val', 'test')} == {'/data/X'}
    assert cfg.model.backbone.weights == 'file.pth' and cfg.work_dir == 'w'


def test_work_dir_is_the_configs_or_named_after_it(tiny_config, root):
    assert load_config(tiny_config()).work_dir.endswith('/work')
    assert load_config(root / 'configs' / 'quickstart.py').work_dir == 'work_dirs/quickstart'


def test_options_are_merged(tiny_config):
    cfg = load_config(tiny_config(), {'train_cfg.max_epochs': 7, 'model.backbone.trainable_blocks': 1, 'resume': True})
    assert cfg.train_cfg.max_epochs == 7 and cfg.model.backbone.trainable_blocks == 1 and cfg.resume


def test_no_workers_means_none_are_kept(root):
    cfg = load_config(root / 'configs' / 'quickstart.py', {'train_dataloader.num_workers': 0})
    assert not cfg.train_dataloader.persistent_workers and cfg.val_dataloader.persistent_workers


@pytest.mark.parametrize(
    'options, words',
    [
        ({'data_rot': 'x'}, "no 'data_rot'; the folder of the data set is train_dataloader.dataset.data_root .* --data-root"),
        ({'train_dataloder.batch_size': 2}, "did you mean 'train_dataloader'"),
        ({'train_dataloader.datset.data_root': 'x'}, "no 'datset' in train_dataloader; did you mean 'dataset'"),
    ],
)
def test_a_misspelt_option_is_refused(tiny_config, options, words):
    with pytest.raises(ConfigError, match=words):
        load_config(tiny_config(), options)


@pytest.mark.parametrize(
    'line, words',
    [
        ("data_root = '/data/DRIVE'", 'top-level data_root .* has no effect.*--data-root'),
        ("data_rot = '/data/DRIVE'", 'top-level data_rot .* has no effect'),
        ("dataroot = '/data/DRIVE'", 'has no effect'),
        ('optim_wraper = dict(optimizer=dict(lr=1))', "did you mean 'optim_wrapper'"),
        ('val_dataloder = dict(batch_size=1)', "did you mean 'val_dataloader'"),
    ],
)
def test_a_name_that_would_do_nothing_is_refused(tiny_config, line, words):
    with pytest.raises(ConfigError, match=words):
        load_config(tiny_config(line))


def test_a_users_own_variables_are_left_alone(tiny_config):
    assert load_config(tiny_config('size = 64\nmy_note = dict(a=1)')).my_note.a == 1


@pytest.mark.parametrize('text, words', [('x = (', 'SyntaxError'), ("_base_ = './nowhere.py'", 'nowhere.py'), ('x = y + 1', 'y')])
def test_a_broken_config_is_one_error_that_names_it(tmp_path, text, words):
    path = tmp_path / 'broken.py'
    path.write_text(text)
    with pytest.raises(ConfigError, match=f'{path} cannot be read as a config.*{words}'):
        load_config(path)


@pytest.mark.parametrize(
    'text, words', [('import nowhere_of_mine', "No module named 'nowhere_of_mine'; add"), ('from os import Gone', "name 'Gone'")]
)
def test_a_module_of_ones_own_that_fails_to_import_says_why(tiny_config, tmp_path, monkeypatch, text, words):
    (tmp_path / 'broken_part.py').write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=words):
        load_config(tiny_config("custom_imports = dict(imports=['mmseg_fundus', 'broken_part'], allow_failed_imports=False)"))


def test_a_missing_config_suggests_its_neighbour(root):
    with pytest.raises(ConfigError, match='config file not found.*did you mean setr_mla_vitb16_frozen.py'):
        load_config(root / 'configs' / 'setr_mla_vitb16_frosen.py')


def test_amp_is_bfloat16_in_the_model_where_the_machine_has_it_and_refused_on_a_cpu_without(tiny_config, monkeypatch):
    cfg = load_config(tiny_config())
    cfg.model.precision = cfg.model.backbone.precision = 'float32'
    monkeypatch.setattr('mmseg_fundus.engine.training_options.native_bfloat16', lambda device: True)
    apply_training_options(cfg, amp=True)
    assert (cfg.model.precision, cfg.model.backbone.precision, cfg.optim_wrapper.type) == ('bfloat16', 'bfloat16', 'OptimWrapper')
    monkeypatch.setattr('mmseg_fundus.engine.training_options.native_bfloat16', lambda device: False)
    with pytest.raises(ConfigError, match='--amp needs a GPU or a CPU'):
        apply_training_options(cfg, amp=True)


@pytest.mark.parametrize('native, settings', [(True, dict(dtype='bfloat16')), (False, dict(dtype='float16', loss_scale='dynamic'))])
def test_amp_of_a_model_without_a_precision_of_its_own_is_the_optimizers(root, monkeypatch, native, settings):
    cfg = load_config(root / 'configs/pretrain/mae_vitb16.py')
    monkeypatch.setattr('mmseg_fundus.engine.training_options.native_bfloat16', lambda device: native)
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    apply_training_options(cfg, epochs=7, amp=True)
    assert cfg.train_cfg.max_epochs == 7  # its warm-up of 200 steps needs no change
    wrapper = cfg.optim_wrapper
    assert (
        wrapper.type == 'AmpOptimWrapper' and {name: wrapper.get(name) for name in ('dtype', 'loss_scale') if name in wrapper} == settings
    )


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 1)
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '2')
    arguments = argparse.Namespace(cfg_options=None, allow_unsafe=False, local_rank=0)
    with pytest.raises(ConfigError, match='2 processes were asked for, this machine has 1'):
        common_options(arguments)  # before anything is logged


def test_another_data_set_is_tested_with_the_configs_own_model_and_prediction(tiny_config):
    cfg, before = (load_config(tiny_config('test_dataloader = dict(dataset=dict(observer="second"))')) for _ in range(2))
    use_dataset(cfg, 'chasedb1', '/data/chase')
    dataset = cfg.test_dataloader.dataset
    assert (dataset.type, dataset.data_root, dataset.split) == ('ChaseDB1VesselDataset', '/data/chase', 'test')
    assert dataset.pipeline == before.test_dataloader.dataset.pipeline and 'observer' not in dataset and dataset.test_mode
    assert cfg.model == before.model and cfg.val_dataloader == before.val_dataloader
    with pytest.raises(ConfigError, match='--dataset DRIV: unknown, use one of DRIVE, STARE'):
        use_dataset(cfg, 'DRIV')


def test_the_environment_shortens_a_training_that_says_no_epochs_itself(root, monkeypatch):
    monkeypatch.setenv('FUNDUS_EPOCHS', '3')
    found = []
    for epochs in (None, 7):
        cfg = load_config(root / 'configs/setr_mla_vitb16_frozen_drive.py')
        apply_training_options(cfg, epochs=epochs)
        found.append((cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval))
    assert found == [(3, 3), (7, 7)], 'validated at the end, which the configs do every tenth epoch'
    for value in ('0', '-1', '1.5', 'one'):
        monkeypatch.setenv('FUNDUS_EPOCHS', value)
        with pytest.raises(ConfigError, match=f'^FUNDUS_EPOCHS {value}: 1 or more was expected'):
            apply_training_options(cfg)
    monkeypatch.setenv('FUNDUS_EPOCHS', '')
    apply_training_options(cfg)
    assert cfg.train_cfg.max_epochs == 7


def test_a_default_hook_of_ours_is_turned_off_by_none_as_mmengines_are(tiny_config):
    cfg = load_config(tiny_config("default_hooks['feature_cache'] = default_hooks['visualization'] = default_hooks['timer'] = None"))
    assert {'feature_cache', 'visualization'}.isdisjoint(cfg.default_hooks) and cfg.default_hooks.timer is None

"""A training with the cache is the training without it, and the encoder sees everything once."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from mmseg.registry import MODELS
from PIL import Image

from mmseg_fundus.datasets import ViewSampler
from mmseg_fundus.engine import FeatureCacheHook, load_config
from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.models.backbones import FrozenVisionTransformer


@pytest.fixture
def train(tiny_config, tmp_path, monkeypatch):
    """Trains the tiny config; returns its losses, its validation Dice, what the encoder saw, and the runner."""
    seen = []
    run = FrozenVisionTransformer._run
    monkeypatch.setattr(FrozenVisionTransformer, '_run', lambda self, x: (seen.append(len(x)), run(self, x))[1])

    def train(folder='cache', epochs=4, **options):
        seen.clear()
        settings = {'train_dataloader.sampler.views': 2, 'default_hooks.feature_cache.folder': str(tmp_path / folder), **options}
        cfg = load_config(tiny_config(f"train_cfg['max_epochs'] = {epochs}"), settings)
        cfg.experiment_name = f'{tmp_path.name}{len(list(tmp_path.iterdir()))}{np.random.randint(10**9)}'
        cfg.work_dir = str(tmp_path / 'work' / cfg.experiment_name)
        runner = Runner.from_cfg(cfg)
        runner.train()
        lines = [json.loads(line) for line in next(Path(cfg.work_dir).rglob('scalars.json')).read_text().splitlines()]
        return (
            np.array([line['train/loss'] for line in lines if 'train/loss' in line]),
            np.array([[line['val/Dice'], line['val/AUC-ROC'], line['val/loss']] for line in lines if 'val/Dice' in line]),
            sum(seen),
            runner,
        )

    return train


@MODELS.register_module()
class ChangedEncoder(FrozenVisionTransformer):
    """A subclass, whose maps may depend on what its parent's identity does not say."""


EVERY_STEP = {'default_hooks.logger.interval': 1}
PICTURES, VIEWS, HELD_OUT = 5, 2, 1


def state(runner):
    return {name: tensor for name, tensor in runner.model.state_dict().items() if not name.startswith('backbone.')}


def test_curves_and_figures_are_those_without_the_cache_to_half_precision(train):
    losses, figures, _, _ = train(**EVERY_STEP)
    uncached_losses, uncached_figures, _, _ = train(**EVERY_STEP, **{'default_hooks.feature_cache.enabled': False})
    assert len(losses) == 8 and len(figures) == 4
    assert np.abs(losses - uncached_losses).max() < 2e-3
    assert np.abs(figures - uncached_figures).max() < 5e-3


def test_the_encoder_sees_each_view_and_validation_picture_once(train):
    *_, seen, _ = train()
    assert seen == PICTURES * VIEWS + HELD_OUT
    *_, seen, _ = train()
    assert seen == 0


def test_a_second_training_from_a_full_cache_ends_with_the_same_weights(train):
    first, second = state(train()[3]), state(train()[3])
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_uses_the_same_views(train):
    train()
    *_, seen, _ = train(**{'randomness.seed': 7})
    assert seen == 0


@pytest.mark.parametrize(
    'change',
    [
        {'model.backbone.norm_outputs': True},
        {'train_dataloader.dataset.augmentation.rotate': 3.0},
        {'train_dataloader.dataset.fov': 'found'},
        {'train_dataloader.dataset.field_angle': 30},
        {'model.data_preprocessor.mean': [0.5, 0.5, 0.5]},
    ],
)
def test_another_encoder_or_way_of_drawing_is_computed_anew(train, change):
    train(epochs=1)
    *_, seen, _ = train(epochs=1, **change)
    assert seen >= PICTURES


def test_other_weights_are_computed_anew(train, other_weights):
    train(epochs=1)
    *_, seen, _ = train(epochs=1, **{'model.backbone.weights': str(other_weights(seed=5))})
    assert seen == PICTURES + HELD_OUT


@pytest.mark.parametrize('change', [{'model.test_cfg.size': (48, 48)}, {'model.test_cfg.crop_to_fov': True}])
def test_another_way_of_predicting_computes_the_validation_pictures_anew(train, change):
    train(epochs=1)
    *_, seen, _ = train(epochs=1, **change)
    assert seen == HELD_OUT


def test_validation_by_windows_is_read_from_the_cache_and_its_figures_stay(train):
    windows = dict(_delete_=True, mode='slide', crop_size=(32, 32), stride=(16, 16), window_batch=2)
    first, second = (train(epochs=2, **{'model.test_cfg': windows}) for _ in range(2))
    assert np.array_equal(first[1], second[1]) and first[2] > PICTURES * VIEWS + 4 and second[2] == 0


def test_a_changed_mask_of_a_validation_picture_computes_it_anew(train, drive_like, tmp_path):
    root = shutil.copytree(drive_like, tmp_path / 'DRIVE')
    options = {f'{split}_dataloader.dataset.data_root': str(root) for split in ('train', 'val', 'test')}
    *_, runner = train(epochs=1, **options)
    mask = Path(runner.val_dataloader.dataset.get_data_info(0)['fov_path'])
    Image.fromarray(np.roll(np.array(Image.open(mask).convert('L')), 5, axis=0)).save(mask)
    *_, seen, _ = train(epochs=1, **options)
    assert seen == HELD_OUT


@pytest.mark.parametrize('part', ['images', '1st_manual', 'mask'])
def test_a_changed_picture_label_or_mask_is_drawn_anew_and_the_others_are_not(train, drive_like, tmp_path, part):
    root = shutil.copytree(drive_like, tmp_path / 'DRIVE')
    options = {f'{split}_dataloader.dataset.data_root': str(root) for split in ('train', 'val', 'test')}
    *_, runner = train(epochs=1, **options)
    info = runner.train_dataloader.dataset.get_data_info(0)
    file = Path(info[dict(images='img_path', mask='fov_path').get(part, 'seg_map_path')])
    assert part in str(file)
    changed = np.array(Image.open(file))
    changed[20:40, 20:40] = 0 if changed[20:40, 20:40].any() else changed.max()
    Image.fromarray(changed).save(file)
    *_, seen, _ = train(epochs=1, **options)
    assert seen == 1
    *_, seen, runner = train(epochs=1, **options)
    assert seen == 0
    sample = runner.train_dataloader.dataset[ViewSampler(runner.train_dataloader.dataset, views=1, seed=0).view(0, 0)]
    dataset = runner.train_dataloader.dataset
    dataset.views = dataset.views.inner
    plain = runner.train_dataloader.dataset[ViewSampler(runner.train_dataloader.dataset, views=1, seed=0).view(0, 0)]
    assert torch.equal(sample['inputs'], plain['inputs'])
    assert torch.equal(sample['data_samples'].gt_sem_seg.data, plain['data_samples'].gt_sem_seg.data)


@pytest.mark.parametrize('kind', ['views', 'maps', 'pictures'])
def test_damaged_files_are_computed_again_and_change_nothing(train, tmp_path, kind):
    expected = state(train(epochs=2)[3])
    for file in (tmp_path / 'cache').glob(f'{kind}-*/*'):
        raw = bytearray(file.read_bytes())
        raw[len(raw) // 3] ^= 64
        file.write_bytes(raw[: -len(raw) // 7])
    found = state(train(epochs=2)[3])
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_cache_that_cannot_be_written_changes_only_the_time(train, tmp_path):
    expected = state(train(epochs=2)[3])
    (tmp_path / 'blocked').write_text('a file where the folder should be')
    found = state(train(folder='blocked/below', epochs=2)[3])
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_the_size_is_said_and_bounded_before_the_first_step(train, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r'5 pictures x 2 views x 0\.02 MB.*max_gb=1e-05.*sampler\.views.*enabled=False'):
        train(**{'default_hooks.feature_cache.max_gb': 1e-5})
    usage = type(shutil.disk_usage(tmp_path))(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr('shutil.disk_usage', lambda path: usage)
    with pytest.raises(ConfigError, match=r'cache.*0\.00 GB are free.*FUNDUS_CACHE'):
        train()
    assert not (tmp_path / 'cache').exists()


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'default_hooks.feature_cache.enabled': False}, 'enabled=False'),
        ({'train_dataloader.sampler.views': None}, 'every view is a new one'),
        ({'model.backbone.trainable_blocks': 1}, 'the encoder is trained: 12 of its parameters require a gradient (layers.3.ln1.weight'),
        ({'model.backbone.type': 'ChangedEncoder'}, 'ChangedEncoder cannot be told from others: its class does not define identity()'),
        ({'model.data_preprocessor.size_divisor': 48}, 'size_divisor'),
    ],
)
def test_a_training_whose_maps_cannot_be_kept_says_why_and_runs_without(train, tmp_path, monkeypatch, options, reason):
    logged = []
    monkeypatch.setattr('mmseg_fundus.engine.feature_cache_hook.print_log', lambda text, **kwargs: logged.append(text))
    *_, seen, _ = train(epochs=2, **options)
    assert len(logged) == 1 and logged[0].startswith('feature cache: off') and reason in logged[0]
    assert seen == 2 * (PICTURES + HELD_OUT) and not (tmp_path / 'cache').exists()


def test_values_beyond_half_precision_are_refused(train, monkeypatch):
    monkeypatch.setattr(FrozenVisionTransformer, 'forward', lambda self, x: tuple(torch.full((len(x), 48, 4, 4), 1e6) for _ in range(4)))
    with pytest.raises(ConfigError, match='65504.*enabled=False'):
        train()


@pytest.mark.parametrize('arguments', [dict(max_gb=0), dict(max_gb='20GB'), dict(enabled='off'), dict(validation=1)])
def test_impossible_settings_are_refused(arguments):
    with pytest.raises(ConfigError, match=f'{next(iter(arguments))}='):
        FeatureCacheHook(**arguments)


def test_a_loop_that_counts_iterations_keeps_nothing_and_says_so(train, tmp_path, monkeypatch):
    logged = []
    monkeypatch.setattr('mmseg_fundus.engine.feature_cache_hook.print_log', lambda text, **kwargs: logged.append(text))
    loop = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=2, val_interval=5)
    train(**{'train_cfg': loop, 'param_scheduler': None, 'default_hooks.checkpoint.interval': 100, **EVERY_STEP})
    assert logged == ['feature cache: off, train_cfg.type is IterBasedTrainLoop, not EpochBasedTrainLoop']
    assert not (tmp_path / 'cache').exists()


def test_another_data_sets_records_do_not_count_as_there(train, drive_like, tmp_path, monkeypatch):
    train(epochs=1)
    root = shutil.copytree(drive_like, tmp_path / 'other' / 'DRIVE')
    for label in (root / 'training' / '1st_manual').iterdir():
        Image.fromarray(np.roll(np.array(Image.open(label).convert('L')), 3, axis=1)).save(label)
    usage = type(shutil.disk_usage(tmp_path))(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr('shutil.disk_usage', lambda path: usage)
    with pytest.raises(ConfigError, match='are free'):
        train(epochs=1, **{'train_dataloader.dataset.data_root': str(root)})
    train(epochs=1)


def test_a_label_edited_during_a_training_and_put_back_leaves_nothing_wrong(train, drive_like, tmp_path):
    root = shutil.copytree(drive_like, tmp_path / 'DRIVE')
    options = {f'{split}_dataloader.dataset.data_root': str(root) for split in ('train', 'val', 'test')}
    options['train_dataloader.dataset.keep_decoded'] = False
    *_, runner = train(epochs=1, **options)
    dataset = runner.train_dataloader.dataset
    label = Path(dataset.get_data_info(0)['seg_map_path'])
    original = label.read_bytes()
    Image.fromarray(np.array(Image.open(label).convert('L')).T).save(label)
    dataset[runner.train_dataloader.sampler.view(0, 1)]
    label.write_bytes(original)
    found = dataset[runner.train_dataloader.sampler.view(0, 1)]['data_samples'].gt_sem_seg.data
    dataset.views = dataset.views.inner
    assert torch.equal(found, dataset[runner.train_dataloader.sampler.view(0, 1)]['data_samples'].gt_sem_seg.data)


def test_a_prediction_changed_after_the_start_finds_no_maps_of_the_other(train):
    *_, runner = train(epochs=1)
    model, batch = runner.model.eval(), next(iter(runner.val_dataloader))
    for size in ((48, 48), (32, 64)):
        model.test_cfg['size'] = size
        with torch.no_grad():
            first, again = (model.val_step(batch)[0].seg_logits.data for _ in range(2))
            cached = model.encoder
            model.use_encoder(None)
            plain = model.val_step(batch)[0].seg_logits.data
            model.use_encoder(cached)
        assert torch.equal(first, again) and torch.allclose(first, plain, atol=0.05)


def test_an_autocast_around_the_model_changes_no_map(train):
    *_, runner = train(epochs=1)
    model, dataset = runner.model, runner.train_dataloader.dataset
    maps = next(iter(dataset.views.cache.pictures.values())).maps
    kept, maps.folder = maps.folder, maps.folder.with_name('maps-others')  # made without autocast

    def losses():
        batch = pseudo_collate([dataset[runner.train_dataloader.sampler.view(i, 0)] for i in range(2)])
        with torch.autocast('cpu', torch.bfloat16):
            return model.loss(**model.data_preprocessor(batch, training=True))['decode.loss_ce']

    computed = losses()
    assert torch.allclose(computed, losses(), atol=1e-6)
    written = {file.name: file.read_bytes() for file in maps.folder.iterdir()}
    assert len(written) == 2 and all((kept / name).read_bytes().startswith(raw) for name, raw in written.items())


def test_a_damaged_validation_picture_is_named(train, drive_like, tmp_path):
    root = shutil.copytree(drive_like, tmp_path / 'DRIVE')
    *_, runner = train(epochs=1, **{'val_dataloader.dataset.data_root': str(root)})
    picture = Path(runner.val_dataloader.dataset.get_data_info(0)['img_path'])
    picture.write_bytes(b'broken')
    options = {'val_dataloader.dataset.data_root': str(root), 'val_dataloader.dataset.verify': False}
    with pytest.raises(DataError, match=picture.name):
        train(epochs=1, **options)


def test_a_preprocessor_that_pads_test_pictures_is_no_obstacle(train):
    *_, seen, _ = train(epochs=1, **{'model.data_preprocessor.test_cfg': dict(size_divisor=32)})
    assert seen == PICTURES + HELD_OUT

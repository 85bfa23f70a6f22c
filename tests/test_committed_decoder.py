"""The decoder that lies in configs/results says what it is and which pictures it has seen."""

import logging
import warnings
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, init_model
from mmseg.registry import DATASETS

from mmseg_fundus.engine import ResultsHook
from mmseg_fundus.models import FrozenVisionTransformer
from mmseg_fundus.models.checkpoints import load_from_local

NAME = 'setr_mla_vitb16_frozen_detail'


@pytest.fixture
def path(root):
    return root / 'configs' / 'results' / f'{NAME}_DRIVE_seed1.pth'


def test_it_names_its_classes_its_pictures_and_its_config(path):
    found = load_from_local(path)  # by the reader of checkpoints, so nothing in it needs to be unpickled
    meta, trained = found['meta'], found['meta']['training']
    assert path.stat().st_size < 2_000_000 and meta['encoder']['sha256'].startswith('0f4b85f0') and meta['seed'] == trained['seed'] == 1
    assert meta['dataset_meta']['classes'] == ('background', 'vessel') and meta['dataset_meta']['palette'] == [[0, 0, 0], [255, 255, 255]]
    assert list(trained['files']) == [f'{number}_training' for number in range(21, 41)]
    assert all(set(digests) == {'picture', 'label', 'fov'} and len(digests['picture']) == 16 for digests in trained['files'].values())
    assert trained['data']['split'] == 'trainval' and set(trained['validation_files']) <= set(trained['files'])
    assert sum(tensor.numel() for name, tensor in found['state_dict'].items() if 'running' not in name and 'num' not in name) > 463_874
    cfg = Config.fromstring(torch.load(path, weights_only=True)['meta']['cfg'], '.py')
    assert cfg.randomness.seed == 1 and cfg.model.decode_head.local_contrast == 33 and cfg.train_dataloader.dataset.split == 'trainval'


def test_its_pictures_are_drives_and_testing_it_on_the_test_pictures_warns_of_nothing(path, real_drive, caplog):
    found, logger = load_from_local(path), logging.getLogger('committed')

    def tested_on(split):
        dataset = DATASETS.build(dict(type='DRIVEVesselDataset', data_root=str(real_drive), split=split, verify=False))
        runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset), logger=logger, _resume=False)
        hook = ResultsHook()
        hook.after_load_checkpoint(runner, found)
        caplog.clear()
        hook.before_test(runner)
        return dataset.files(), caplog.messages

    assert tested_on('test')[1] == []
    files, messages = tested_on('trainval')
    assert files == found['meta']['training']['files']
    assert len(messages) == 1 and '20 of the 20 pictures of this evaluation were in the training' in messages[0]


def test_mmsegmentations_own_loaders_take_its_classes_without_a_warning(path, root, monkeypatch):
    wanted = load_from_local(path)['state_dict']['encoder_sha256']
    monkeypatch.setattr(FrozenVisionTransformer, 'fingerprint', lambda self: bytes(wanted.tolist()))  # the stand-in has over a gigabyte
    cfg = Config.fromfile(str(root / 'configs' / f'{NAME}.py'))
    cfg.model.backbone.update(weights='random')
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        model = init_model(cfg, str(path), device='cpu')
        classes = model.dataset_meta['classes']
        del model.dataset_meta
        MMSegInferencer._load_weights_to_model(None, model, load_from_local(path), cfg)
    assert not [str(warning.message) for warning in caught if 'dataset_meta' in str(warning.message)]
    assert classes == model.dataset_meta['classes'] == ('background', 'vessel')

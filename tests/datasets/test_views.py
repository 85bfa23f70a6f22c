"""A random view depends on seed, epoch and picture alone."""

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset
from torch.utils.data import DataLoader

from mmseg_fundus.datasets import DRIVEVesselDataset, View, ViewSampler
from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.errors import ConfigError, DataError

AUGMENTATION = dict(size=(64, 64), rotate=90, scale=(0.5, 2))


def epoch_of(dataset, epoch, workers, seed=7):
    sampler = ViewSampler(dataset, shuffle=True, seed=seed)
    sampler.set_epoch(epoch)
    return torch.stack(list(DataLoader(dataset, batch_size=None, sampler=sampler, num_workers=workers, collate_fn=lambda s: s['inputs'])))


def test_views_do_not_depend_on_the_number_of_workers_or_on_what_was_drawn_before(drive_like):
    dataset = DRIVEVesselDataset(drive_like, 'trainval', augmentation=AUGMENTATION)
    np.random.seed(0)
    first = epoch_of(dataset, 3, workers=0)
    np.random.seed(1)
    epoch_of(dataset, 0, workers=0)
    assert torch.equal(first, epoch_of(dataset, 3, workers=2))


def test_views_change_with_epoch_seed_and_picture(drive_like):
    dataset = DRIVEVesselDataset(drive_like, 'trainval', augmentation=AUGMENTATION)
    views = [dataset[View(*v)]['inputs'] for v in ((0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0))]
    assert all(not torch.equal(a, b) for i, a in enumerate(views) for b in views[:i])
    assert torch.equal(views[0], dataset[View(0, 0, 0)]['inputs'])


def test_a_bare_index_still_works(drive_like):
    assert DRIVEVesselDataset(drive_like, 'trainval', augmentation=AUGMENTATION)[0]['inputs'].shape == (3, 64, 64)


def test_repeats_draw_several_views_of_each_picture_in_an_epoch(drive_like):
    dataset = DRIVEVesselDataset(drive_like, 'trainval', augmentation=AUGMENTATION)
    views = list(ViewSampler(dataset, shuffle=True, seed=1, repeats=3))
    assert sorted((view.index, view.number) for view in views) == [(i, number) for i in range(6) for number in range(3)]
    with pytest.raises(ConfigError, match='repeats=0'):
        ViewSampler(dataset, repeats=0)


def test_a_data_set_that_draws_no_views_is_refused(drive_like):
    dataset = DRIVEVesselDataset(drive_like, 'trainval', augmentation=AUGMENTATION)
    with pytest.raises(ConfigError, match='ConcatDataset cannot draw views'):
        ViewSampler(ConcatDataset([dataset, dataset]))


@pytest.mark.parametrize('folder', ['images', '1st_manual', 'mask'])
def test_a_file_that_vanishes_is_named_by_a_worker_too(tmp_path, folder):
    root = write_drive_layout(tmp_path / 'DRIVE', training=2, test=1, size=64)
    dataset = DRIVEVesselDataset(root, 'trainval', augmentation=AUGMENTATION)
    gone = min((root / 'training' / folder).iterdir())
    gone.unlink()
    with pytest.raises(DataError, match=gone.name):
        epoch_of(dataset, 0, workers=1)

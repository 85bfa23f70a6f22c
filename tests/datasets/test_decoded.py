"""Decoded pictures of small data sets are kept once for all processes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from mmseg_fundus.datasets import DRIVEVesselDataset, View
from mmseg_fundus.datasets import decoded as decoded_pictures


@pytest.fixture
def decoded(monkeypatch):
    """Paths of the pictures that were decoded by a pipeline."""
    paths = []
    transform = LoadImageFromFile.transform
    monkeypatch.setattr(LoadImageFromFile, 'transform', lambda self, info: (paths.append(info['img_path']), transform(self, info))[1])
    return paths


@pytest.fixture
def views(drive_like, tmp_path, monkeypatch):
    """The first view of each picture, by a data set that was just made."""
    monkeypatch.setenv('FUNDUS_CACHE', str(tmp_path / 'cache'))
    root = shutil.copytree(drive_like, tmp_path / 'DRIVE')

    def views(**options):
        options = {**dict(augmentation=dict(size=(48, 48), rotate=20), verify=False), **options}
        dataset = DRIVEVesselDataset(root, 'trainval', **options)
        samples = [dataset[View(i, 0)] for i in range(len(dataset))]
        return torch.stack([torch.cat([s['inputs'].long(), s['data_samples'].gt_sem_seg.data]) for s in samples])

    return views


@pytest.mark.parametrize('augmentation', [{}, dict(zoom=1.0), dict(crop_to_fov=True)])
def test_each_picture_is_decoded_once_and_its_views_stay_the_same(views, decoded, augmentation):
    options = dict(augmentation=dict(size=(48, 48), rotate=20, **augmentation))
    first = views(**options)
    assert len(decoded) == 6
    assert torch.equal(views(**options), first) and len(decoded) == 6


def test_a_changed_label_is_decoded_anew(views, decoded, tmp_path):
    first = views()
    label = sorted((tmp_path / 'DRIVE/training/1st_manual').iterdir())[2]
    Image.fromarray(np.roll(Image.open(label).convert('L'), 5)).save(label)
    changed = views()
    assert len(decoded) == 7 and [torch.equal(a, b) for a, b in zip(first, changed)] == [True, True, False, True, True, True]


def test_a_damaged_file_is_decoded_again(views, decoded, tmp_path):
    first = views()
    for number, file in enumerate((tmp_path / 'cache').rglob('*.records')):
        raw = file.read_bytes()
        file.write_bytes(raw[:-100] if number % 2 else raw[:500] + bytes(800) + raw[1300:])
    assert torch.equal(views(), first) and len(decoded) == 12
    assert torch.equal(views(), first) and len(decoded) == 12


def test_a_large_data_set_is_not_kept(views, decoded, tmp_path, monkeypatch):
    first = views()
    shutil.rmtree(tmp_path / 'cache')
    monkeypatch.setattr(decoded_pictures, 'KEPT_BYTES', 6 * 4 * 64 * 64 - 1)
    assert torch.equal(views(), first) and torch.equal(views(), first) and len(decoded) == 18
    assert not (tmp_path / 'cache').exists()


def test_it_can_be_turned_off(views, decoded, tmp_path):
    assert torch.equal(views(keep_decoded=False), views(keep_decoded=False)) and len(decoded) == 12
    assert not (tmp_path / 'cache').exists()


def test_without_room_for_them_nothing_changes_but_the_time(views, tmp_path):
    Path(tmp_path / 'cache').write_text('a file where the folder should be')
    blocked = views()
    Path(tmp_path / 'cache').unlink()
    assert torch.equal(blocked, views())

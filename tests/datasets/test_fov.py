"""The field of view is found from the picture alone."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets import DRIVEVesselDataset, FundusVesselDataset, find_fov, fov_cache
from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.reading import read_picture
from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.errors import DataError

SIZE = 320


def iou(a, b):
    return np.count_nonzero((a > 0) & (b > 0)) / np.count_nonzero((a > 0) | (b > 0))


@pytest.fixture(scope='module')
def eyes():
    return [synthetic_fundus(seed, SIZE) for seed in range(3)]


def coordinates():
    return np.mgrid[:SIZE, :SIZE][::-1]


def dark_corner(picture, fov):
    x, y = coordinates()
    return picture * np.clip(1 / (1 + np.exp((x + y - 1.28 * SIZE) / 14)), 0.03, 1)[..., None], fov


def vignette(picture, fov):
    x, y = coordinates()
    return picture * np.clip(1 - 0.85 * (np.hypot(x - SIZE / 2, y - SIZE / 2) / (0.47 * SIZE)) ** 6, 0.1, 1)[..., None], fov


def light_over_the_rim(picture, fov):
    x, y = coordinates()
    return picture + 120 * np.exp(-((x - 0.96 * SIZE) ** 2 + (y - SIZE / 2) ** 2) / (2 * 25.0**2))[..., None], fov


def border(picture, fov):
    return tuple(cv2.copyMakeBorder(a, 60, 10, 150, 30, cv2.BORDER_CONSTANT) for a in (picture, fov))


def cut_above_and_below(picture, fov):
    return border(picture[40:280], fov[40:280])


def cut_and_a_dark_corner(picture, fov):
    return border(*(a[40:280] for a in dark_corner(picture, fov)))


def cut_by_the_frame(picture, fov):
    return picture[40:280, 5:300], fov[40:280, 5:300]


def writing(picture, fov):
    return cv2.putText(picture.copy(), 'OD 2014', (2, 14), 0, 0.5, (255, 255, 255), 2), fov


def noise(picture, fov):
    return picture + np.random.default_rng(0).normal(0, 6, picture.shape), fov


def haze(picture, fov):
    return picture.astype(int) + 25, fov


def already_cropped(picture, fov):
    return picture[90:230, 80:240], fov[90:230, 80:240]


def already_cropped_and_unevenly_lit(picture, fov):
    x, y = coordinates()
    shade = np.clip(1 - 0.75 * (np.hypot(x - 160, y - 160) / 106) ** 3, 0, 1)
    return already_cropped(picture * shade[..., None], fov)


CASES = [
    (lambda picture, fov: (picture, fov), 0.99),
    (lambda picture, fov: (picture // 4, fov), 0.985),
    (lambda picture, fov: tuple(cv2.resize(a, (1100, 900), interpolation=cv2.INTER_NEAREST)[:, 80:1000] for a in (picture, fov)), 0.96),
    (dark_corner, 0.97),
    (vignette, 0.95),
    (light_over_the_rim, 0.97),
    (border, 0.98),
    (cut_above_and_below, 0.98),
    (cut_and_a_dark_corner, 0.97),
    (cut_by_the_frame, 0.98),
    (writing, 0.98),
    (noise, 0.985),
    (haze, 0.985),
    (already_cropped, 1.0),
    (already_cropped_and_unevenly_lit, 1.0),
]


@pytest.mark.slow
@pytest.mark.parametrize('change, at_least', CASES, ids=lambda value: getattr(value, '__name__', str(value)))
def test_fov_is_found_whatever_happened_to_the_picture(eyes, change, at_least):
    for picture, _, fov in eyes:
        changed, wanted = change(picture, fov)
        changed = np.clip(changed, 0, 255).astype(np.uint8)
        found = find_fov(changed)
        assert found.shape == changed.shape[:2] and set(np.unique(found)) <= {0, 1}
        assert iou(found, wanted) >= at_least


@pytest.mark.parametrize('size', [(1, 1), (3, 5), (20, 20), (301, 1024)], ids=str)
@pytest.mark.parametrize('fill', ['black', 'white', 'noise'])
def test_a_picture_that_shows_no_eye_is_all_field_of_view(size, fill):
    fills = dict(black=np.zeros, white=lambda s, t: np.full(s, 255, t), noise=lambda s, t: np.random.default_rng(0).integers(0, 256, s, t))
    assert find_fov(fills[fill]((*size, 3), np.uint8)).all()


@pytest.mark.parametrize('picture', [np.zeros((9, 9)), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)])
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(DataError, match='find_fov takes a picture'):
        find_fov(picture)


@pytest.mark.slow
def test_fov_of_drive_agrees_with_the_shipped_masks(real_drive):
    values = []
    for split in ('trainval', 'test'):
        dataset = DRIVEVesselDataset(real_drive, split, verify=False)
        for i in range(20):
            info = dataset.get_data_info(i)
            values.append(iou(find_fov(read_picture(info['img_path'])), read_mask(info['fov_path'])))
    assert min(values) >= 0.985 and np.mean(values) >= 0.995


def test_a_found_fov_is_kept_and_found_anew_for_another_picture(eyes, tmp_path, monkeypatch):
    monkeypatch.setenv('FUNDUS_CACHE', str(tmp_path / 'cache'))
    path, calls = tmp_path / 'eye.png', []
    monkeypatch.setattr(fov_cache, 'find_fov', lambda picture: calls.append(1) or find_fov(picture))
    for picture, _, fov in eyes[:2]:
        Image.fromarray(picture).save(path)
        assert iou(fov_cache.cached_fov(path), fov) > 0.99
        assert iou(fov_cache.cached_fov(path), fov) > 0.99
    assert len(calls) == 2
    for file in (tmp_path / 'cache').rglob('*.png'):
        file.write_bytes(b'damaged')
    assert fov_cache.cached_fov(path).any() and len(calls) == 3


def test_a_kept_fov_of_another_size_or_a_pipe_is_found_anew(eyes, tmp_path, monkeypatch):
    monkeypatch.setenv('FUNDUS_CACHE', str(tmp_path / 'cache'))
    Image.fromarray(eyes[0][0]).save(tmp_path / 'eye.png')
    found = fov_cache.cached_fov(tmp_path / 'eye.png')
    (kept,) = (tmp_path / 'cache').rglob('*.png')
    Image.new('1', (5, 7), 1).save(kept)
    assert np.array_equal(fov_cache.cached_fov(tmp_path / 'eye.png'), found)
    kept.unlink()
    os.mkfifo(kept)
    assert np.array_equal(fov_cache.cached_fov(tmp_path / 'eye.png'), found)
    assert np.array_equal(read_mask(kept), found)


def test_without_a_writable_cache_the_fov_is_found_every_time(eyes, tmp_path, monkeypatch):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('FUNDUS_CACHE', str(tmp_path / 'file' / 'cache'))
    Image.fromarray(eyes[0][0]).save(tmp_path / 'eye.png')
    assert iou(fov_cache.cached_fov(tmp_path / 'eye.png'), eyes[0][2]) > 0.99


def test_the_argument_fov_decides(eyes, tmp_path):
    for folder in ('images', 'labels', 'masks'):
        (tmp_path / folder).mkdir()
    picture, label, fov = eyes[0]
    Image.fromarray(picture).save(tmp_path / 'images' / 'a.png')
    Image.fromarray(label).save(tmp_path / 'labels' / 'a.png')
    shipped = np.zeros_like(fov)
    shipped[100:200] = 255
    Image.fromarray(shipped).save(tmp_path / 'masks' / 'a.png')
    expected = dict(auto=shipped > 0, found=fov > 0, none=np.ones(fov.shape, bool))
    for mode, wanted in expected.items():
        dataset = FundusVesselDataset(tmp_path, 'trainval', img_dir='images', label_dir='labels', fov_dir='masks', fov=mode)
        counted = dataset[0]['data_samples'].gt_sem_seg.data[0].numpy() != 255
        assert iou(counted, wanted) > 0.99, mode

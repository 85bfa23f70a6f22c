"""Exchanged black and white, and labels that are stored in two ways: one line at the start."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets import FundusVesselDataset, LoadVesselAnnotations
from mmseg_fundus.datasets.exchanged import check_fov, check_label
from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.errors import DataError

pytestmark = pytest.mark.slow


@pytest.fixture
def own(tmp_path):
    """Makes a data set of own pictures; ``change`` gets each label and field of view (0 and 255) and gives the ones to write."""

    def build(change=lambda number, label, fov: (label, fov), **options):
        for folder in ('images', 'labels', 'fovs'):
            (tmp_path / 'training' / folder).mkdir(parents=True, exist_ok=True)
        for number in range(3):
            picture, label, fov = synthetic_fundus(number, 96)
            label, fov = change(number, label, fov)
            for folder, array in (('images', picture), ('labels', label), ('fovs', fov)):
                Image.fromarray(array).save(tmp_path / 'training' / folder / f'eye{number}.png')
        options = {**dict(fov_dir='{part}/fovs'), **options}
        return FundusVesselDataset(tmp_path, 'trainval', img_dir='{part}/images', **options)

    return build


INVERTED = {
    'all of the label': lambda number, label, fov: (255 - label, fov),
    'inside the field of view': lambda number, label, fov: (np.where(fov > 0, 255 - label, 0).astype(np.uint8), fov),
    'of mmsegmentation': lambda number, label, fov: (np.where(fov > 0, label == 0, 255).astype(np.uint8), fov),
}


@pytest.mark.parametrize('options', [{}, dict(fov_dir=None)], ids=['shipped', 'found'])
@pytest.mark.parametrize('kind', INVERTED)
def test_an_inverted_label_is_one_line(own, kind, options):
    words = (
        r'eye0.png: \d\d% of the field of view is vessel, which is more than an eye has: black and white seem exchanged.* invert the file'
    )
    with pytest.raises(DataError, match=words):
        own(INVERTED[kind], **options)
    dataset = own(INVERTED[kind], verify=False, **options)
    with pytest.raises(DataError, match=words):
        dataset[0]


def test_a_cut_full_of_vessel_is_no_inverted_label():
    fov, rng = np.ones((40, 40), np.uint8), np.random.default_rng(0)
    thick = np.zeros((40, 40), np.uint8)
    thick[5:35] = 1
    dark = np.where(thick, 60, 140)[..., None] + rng.integers(0, 20, (40, 40, 3))
    assert check_label(thick, dark.astype(np.uint8), fov, 'x') == 0.75
    assert check_label(np.ones_like(thick), dark.astype(np.uint8), fov, 'x') == 1
    with pytest.raises(DataError, match='^x: 75% of the field of view is vessel'):
        check_label(thick, (255 - dark).astype(np.uint8), fov, 'x')


def test_an_inverted_field_of_view_is_one_line_whose_advice_works(own):
    def invert(number, label, fov):
        return label, 255 - fov if number == 1 else fov

    with pytest.raises(DataError, match="eye1.png: .*the eye .* lies in the black of the mask.*or use fov='found'"):
        own(invert)
    with pytest.raises(DataError, match='eye1.png'):
        own(invert, verify=False)[1]
    assert own(invert, fov='found')[1]['data_samples'].gt_sem_seg.data.eq(1).any()


def test_a_field_of_view_smaller_than_the_eye_or_on_white_is_none_of_them():
    picture, _, fov = synthetic_fundus(0, 96)
    small = np.zeros((96, 96), np.uint8)
    small[40:60, 40:60] = 1
    assert check_fov(small, picture, 'x') is small
    on_white = np.where(fov[..., None] > 0, picture, 255).astype(np.uint8)
    assert check_fov(fov // 255, on_white, 'x').any()


def mixed(number, label, fov):
    """As mmsegmentation's, with a corner that is ignored; the last has no vessel."""
    label = (label > 0).astype(np.uint8) * (number < 2)
    label[:30, :30] = 255
    return label, fov


def test_255_of_a_label_without_vessel_is_asked_for_where_others_ignore_it(own):
    with pytest.raises(DataError, match="eye0.png holds 0, 1 and 255, .*eye2.png 0 and 255: .*label_values='indices'"):
        own(mixed)
    dataset = own(mixed, label_values='indices')
    labels = [dataset[i]['data_samples'].gt_sem_seg.data[0].numpy() for i in range(3)]
    assert [(label == 1).any() for label in labels] == [True, True, False] and all((label[:30, :30] == 255).all() for label in labels)
    assert dataset.describe()['label_values'] == 'indices'


def test_labels_of_0_and_1_beside_those_of_0_and_255_are_told(own, monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_fundus.datasets.verify.print_log', lambda text, **kwargs: said.append(text))
    dataset = own(lambda number, label, fov: (label if number else label // 255, fov))
    assert 'eye0.png holds 0 and 1,' in said[0] and "if 255 means ignored, set label_values='indices'" in said[0]
    assert all((dataset[i]['data_samples'].gt_sem_seg.data == 1).any() for i in range(3))


def test_a_label_that_is_ignored_as_a_whole_is_named(own):
    with pytest.raises(DataError, match='eye0.png: all of it is ignored'):
        own(lambda number, label, fov: (np.full_like(label, 255), fov), label_values='indices')


def test_what_a_label_ignores_is_ignored_and_the_field_of_view_stays(own):
    dataset = own(lambda number, label, fov: mixed(0, label, fov))
    info = dataset.get_data_info(0)
    found = LoadVesselAnnotations().transform(dict(info, img=np.asarray(Image.open(info['img_path']))))
    written = np.asarray(Image.open(info['seg_map_path']))
    assert np.array_equal(found['label'], written) and set(np.unique(written)) == {0, 1, 255}
    fov = np.asarray(Image.open(info['fov_path'])) > 0
    assert np.array_equal(found['fov'] > 0, fov)
    assert np.array_equal(found['gt_seg_map'], np.where(fov, written, 255))


def test_views_are_scaled_by_the_field_of_view_whatever_the_label_ignores(own, monkeypatch, tmp_path):
    """Also those from pictures that are kept decoded."""
    monkeypatch.setenv('FUNDUS_CACHE', str(tmp_path / 'cache'))
    from mmseg_fundus.datasets import View

    drawn = dict(size=(48, 48), zoom=1.0, pixels_per_degree=1.0, crop_to_fov=True, flip=0, rotate=0, scale=(1, 1), brightness=0, contrast=0)

    def half(number, label, fov):
        label = (label > 0).astype(np.uint8)
        label[:, :48] = 255
        return label, fov

    def views(dataset):
        return [dataset[View(0, number)]['inputs'].numpy() for _ in range(2) for number in range(8)]

    ignoring = views(own(half, augmentation=drawn))
    assert all(np.array_equal(a, b) for a, b in zip(ignoring[:8], ignoring[8:]))
    whole = own(augmentation=drawn)
    picture = np.asarray(Image.open(Path(whole.get_data_info(0)['img_path'])))
    box = np.argwhere(np.asarray(Image.open(whole.get_data_info(0)['fov_path'])) > 0)
    factor = 45 / np.ptp(box, axis=0).max()
    assert abs(picture.shape[0] * factor - 48) < 4, 'the whole eye fits'
    assert all((view.max(axis=0) > 60).sum() > 0.6 * (factor * 96) ** 2 * np.mean(picture.max(axis=2) > 60) for view in ignoring)

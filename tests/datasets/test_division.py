import json
import os
from pathlib import Path

import pytest

from mmseg_fundus.datasets import FundusVesselDataset, STAREVesselDataset
from mmseg_fundus.datasets.division import divide
from mmseg_fundus.errors import ConfigError, DataError

from .layouts import write_stare

ROOT = Path('/data/X')
SAMPLES = [dict(img_path=str(ROOT / 'images' / part / f'{i}.png')) for part in ('train', 'test') for i in range(1, 6)]


def test_first_n_train():
    divided = divide(SAMPLES, dict(first=3), ROOT)
    assert divided == dict(training=SAMPLES[:3], test=SAMPLES[3:])


@pytest.mark.parametrize('folds', [2, 3, 10])
def test_folds_test_every_picture_once_and_depend_on_the_seed(folds):
    parts = [divide(SAMPLES, dict(folds=folds, fold=i, seed=1), ROOT) for i in range(folds)]
    assert sorted(s['img_path'] for part in parts for s in part['test']) == sorted(s['img_path'] for s in SAMPLES)
    assert all(len(p['training']) + len(p['test']) == 10 and not [s for s in p['test'] if s in p['training']] for p in parts)
    assert parts[0] == divide(SAMPLES, dict(folds=folds, fold=0, seed=1), ROOT) != divide(SAMPLES, dict(folds=folds, fold=0, seed=2), ROOT)


def write(tmp_path, **lists):
    path = tmp_path / 'split.json'
    path.write_text(json.dumps(lists))
    return dict(file=str(path))


def test_a_split_file_names_pictures_by_folder_where_names_repeat(tmp_path):
    divided = divide(
        SAMPLES, write(tmp_path, train=['images/train/1.png', 'images/test/1'], val=['images/train/2'], test=['images/test/5']), ROOT
    )
    assert divided == dict(training=[SAMPLES[0], SAMPLES[5]], val=[SAMPLES[1]], test=[SAMPLES[9]])


@pytest.mark.parametrize(
    'lists, words',
    [
        (
            dict(train=['images/train/1'], test=['9.png']),
            "'9.png' in \"test\" names no picture of /data/X; names such as 'images/train/1.png'",
        ),
        (dict(train=['1.png'], test=['images/test/2']), '\'1.png\' in "train" names 2 pictures'),
        (dict(train=['images/train/1'], test=['images/train/1.png']), 'is in "train" and in "test"'),
        (dict(train=['images/train/1'], test=[]), '"test" is empty'),
        (dict(train=['images/train/1']), 'expected a JSON object with "train", "test"'),
        (dict(train=['images/train/1'], test='images/test/1'), 'expected a JSON object with "train", "test"'),
        (dict(train=['images/train/1'], test=[['x']]), 'expected a JSON object with "train", "test"'),
    ],
)
def test_a_wrong_split_file_is_refused(tmp_path, lists, words):
    with pytest.raises(DataError) as error:
        divide(SAMPLES, write(tmp_path, **lists), ROOT)
    assert words in str(error.value) and 'split.json' in str(error.value)


@pytest.mark.parametrize(
    'division, error',
    [
        (dict(first=10), DataError),
        (dict(first=0), DataError),
        (dict(folds=11, fold=0), DataError),
        (dict(folds=3, fold=3), DataError),
        (dict(folds=3), ConfigError),
        ('half', ConfigError),
        (dict(first='3'), ConfigError),
        (dict(folds=5.0, fold=0), ConfigError),
        (dict(file=3), ConfigError),
        (dict(file='gone.json'), DataError),
    ],
    ids=str,
)
def test_wrong_divisions_are_refused(division, error):
    with pytest.raises(error, match='division|gone.json'):
        divide(SAMPLES, division, ROOT)


@pytest.mark.slow
def test_a_data_set_divides_as_told(tmp_path):
    root = write_stare(tmp_path / 'STARE')
    assert len(STAREVesselDataset(root, 'trainval', division=dict(first=16))) == 16
    one_out = [STAREVesselDataset(root, 'test', division=dict(folds=20, fold=i), verify=False) for i in range(20)]
    assert sorted(d.get_data_info(0)['img_path'] for d in one_out) == [
        d['img_path'] for d in (STAREVesselDataset(root, 'all').get_data_info(i) for i in range(20))
    ]
    file = write(tmp_path, train=['im0001', 'im0002', 'im0003'], val=['im0005'], test=['im0324'])
    sizes = {split: len(STAREVesselDataset(root, split, division=file)) for split in ('train', 'val', 'trainval', 'test')}
    assert sizes == dict(train=3, val=1, trainval=4, test=1)
    flat = dict(img_dir='stare-images', label_dir='labels-ah', label_suffix='.ah')
    own = [FundusVesselDataset(root, split, division=dict(folds=4, fold=1), **flat) for split in ('trainval', 'test')]
    assert [len(d) for d in own] == [15, 5]


def test_a_split_file_that_is_none_is_refused(tmp_path):
    os.mkfifo(tmp_path / 'pipe.json')
    (tmp_path / 'deep.json').write_text('[' * 200_000)
    for name in ('pipe.json', 'deep.json', 'nowhere.json'):
        with pytest.raises(DataError, match=name):
            divide(SAMPLES, dict(file=str(tmp_path / name)), ROOT)

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets import DRIVEVesselDataset, FIVESVesselDataset, FundusVesselDataset, View
from mmseg_fundus.datasets.division import hold_out
from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.synthetic import write_drive_layout, write_fives_layout
from mmseg_fundus.errors import ConfigError, DataError

TEST_PIPELINE = [dict(type='LoadImageFromFile', imdecode_backend='pillow'), dict(type='LoadVesselAnnotations'), dict(type='PackSegInputs')]


@pytest.fixture
def drive(tmp_path):
    """A copy that a test may spoil."""
    return write_drive_layout(tmp_path / 'DRIVE', training=3, test=2, size=32)


def names(dataset):
    return [dataset.get_data_info(i)['img_path'].split('/')[-1] for i in range(len(dataset))]


def test_drive_reads_as_it_unpacks(real_drive):
    train, test = DRIVEVesselDataset(real_drive, 'trainval'), DRIVEVesselDataset(real_drive, 'test', pipeline=TEST_PIPELINE)
    assert names(train) == [f'{i}_training.tif' for i in range(21, 41)]
    assert names(test) == [f'{i:02d}_test.tif' for i in range(1, 21)]
    labels = np.stack([test[i]['data_samples'].gt_sem_seg.data[0].numpy() for i in range(20)])
    assert labels.shape == (20, 584, 565) and set(np.unique(labels)) == {0, 1, 255}
    assert (labels == 1).sum() / (labels != 255).sum() == pytest.approx(0.127, abs=0.0005)  # facts: 12.7 % of the field of view


def test_pixels_outside_the_field_of_view_are_ignored(drive):
    dataset = DRIVEVesselDataset(drive, 'test', pipeline=TEST_PIPELINE)
    info, label = dataset.get_data_info(0), dataset[0]['data_samples'].gt_sem_seg.data[0].numpy()
    fov = read_mask(info['fov_path']) == 1
    assert (label[~fov] == 255).all() and np.array_equal(label[fov], read_mask(info['seg_map_path'])[fov])


def test_pictures_come_as_stored_in_bgr(drive):
    dataset = DRIVEVesselDataset(drive, 'test', pipeline=TEST_PIPELINE)
    stored = np.asarray(Image.open(dataset.get_data_info(1)['img_path']))
    assert np.array_equal(dataset[1]['inputs'].numpy().transpose(1, 2, 0)[:, :, ::-1], stored)


@pytest.mark.slow
@pytest.mark.parametrize('suffix', ['.tif', '.jpg', '.png'])
@pytest.mark.parametrize('drawn', [True, False], ids=['view', 'whole'])
def test_a_picture_damaged_after_the_start_is_named(tmp_path, drive, suffix, drawn):
    for path in list((drive / 'training/images').iterdir()):
        path.unlink()
        noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
        Image.fromarray(noise).save(path.with_suffix(suffix))
    kind = dict(augmentation=dict(size=(16, 16)), keep_decoded=False) if drawn else dict(pipeline=TEST_PIPELINE)
    dataset = FundusVesselDataset(
        drive,
        'trainval',
        img_dir='training/images',
        img_suffix='_training',
        label_dir='training/1st_manual',
        label_suffix='_manual1',
        **kind,
    )
    path = Path(dataset.get_data_info(1)['img_path'])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert dataset[View(0, 0, 0) if drawn else 0]
    with pytest.raises(DataError, match=f'{path.name} is (truncated|no picture)'):
        dataset[View(1, 0, 0) if drawn else 1]


@pytest.mark.slow
def test_fives_reads_the_guides_folders_and_holds_out_a_seeded_tenth(tmp_path):
    root = write_fives_layout(tmp_path / 'FIVES', training=20, test=3, size=32)
    train, val = FIVESVesselDataset(root, 'train'), FIVESVesselDataset(root, 'val')
    assert len(train) == 18 and len(val) == 2
    assert sorted(names(train) + names(val)) == sorted(names(FIVESVesselDataset(root, 'trainval')))
    assert names(val) == names(FIVESVesselDataset(root, 'val')) != names(FIVESVesselDataset(root, 'val', split_seed=1))
    assert names(FIVESVesselDataset(root, 'test')) == ['1001_N.png', '1002_N.png', '1003_N.png']


def test_the_hold_out_is_the_same_on_every_machine():
    assert hold_out(list(range(20)), 0.2, 42)[1] == [0, 3, 7, 8]


def test_own_pictures_read_from_plain_folders(tmp_path):
    for folder in ('pictures', 'vessels', 'fov'):
        (tmp_path / folder).mkdir()
    for i, suffix in enumerate(('png', 'jpg', 'tif')):
        Image.new('RGB', (8, 6)).save(tmp_path / 'pictures' / f'eye{i}.{suffix}')
        Image.new('L', (8, 6), 255 * i // 2 and 255).save(tmp_path / 'vessels' / f'eye{i}.png')
        Image.new('L', (8, 6), 255).save(tmp_path / 'fov' / f'eye{i}.gif')
    (tmp_path / 'pictures' / 'notes.txt').write_text('no picture, passed over')
    dataset = FundusVesselDataset(tmp_path, 'trainval', img_dir='pictures', label_dir='vessels', fov_dir='fov')
    assert names(dataset) == ['eye0.png', 'eye1.jpg', 'eye2.tif']


SPOIL = {
    'picture without label': (
        lambda d: (d / 'training/1st_manual/22_manual1.gif').unlink(),
        '22_training.tif has no label in .*1st_manual .*1 of 3',
    ),
    'label without picture': (
        lambda d: (d / 'training/images/22_training.tif').unlink(),
        'label .*22_manual1.gif has no picture in .*images',
    ),
    'picture without mask': (lambda d: (d / 'training/mask/22_training_mask.gif').unlink(), '22_training.tif has no field-of-view mask'),
    'extra picture': (
        lambda d: shutil.copy(d / 'training/images/22_training.tif', d / 'training/images/99_training.tif'),
        '99_training.tif has no label',
    ),
    'foreign name': (
        lambda d: Image.new('L', (4, 4)).save(d / 'training/images/scan.png'),
        'scan.png: unexpected file name, expected names such as 21_training.tif',
    ),
    'label of another size': (
        lambda d: Image.new('L', (31, 32)).save(d / 'training/1st_manual/22_manual1.gif'),
        '22_manual1.gif is 31x32 pixels, its picture .*22_training.tif is 32x32',
    ),
    'label of three values': (
        lambda d: Image.fromarray(np.resize(np.array([0, 90, 255], np.uint8), (32, 32))).save(d / 'training/1st_manual/22_manual1.gif'),
        '22_manual1.gif holds 3 different values',
    ),
    'empty mask': (
        lambda d: Image.new('L', (32, 32)).save(d / 'training/mask/22_training_mask.gif'),
        '22_training_mask.gif is empty',
    ),
    'truncated picture': (
        lambda d: (d / 'training/images/22_training.tif').write_bytes((d / 'training/images/22_training.tif').read_bytes()[:1500]),
        '22_training.tif is (truncated|no picture)',
    ),
    'empty folder': (lambda d: [p.unlink() for p in (d / 'training/images').iterdir()], 'no pictures in .*training/images'),
    'no folder': (lambda d: shutil.rmtree(d / 'training/1st_manual'), 'folder not found: .*1st_manual .*21_manual1.gif'),
    'no data set': (lambda d: shutil.rmtree(d), 'data set folder not found: looked for .*DRIVE.*--data-root'),
}


@pytest.mark.slow
@pytest.mark.parametrize('kind', SPOIL)
def test_a_spoilt_data_set_is_refused_at_start_naming_the_file(drive, kind):
    DRIVEVesselDataset(drive, 'trainval')
    spoil, pattern = SPOIL[kind]
    spoil(drive)
    with pytest.raises(DataError, match=pattern) as error:
        DRIVEVesselDataset(drive, 'trainval')
    assert '\n' not in str(error.value)


def test_a_relative_root_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"looked for {tmp_path}/data/X \\('data/X' seen from the current folder {tmp_path}\\)"):
        DRIVEVesselDataset('data/X')


@pytest.mark.slow
@pytest.mark.parametrize(
    'arguments, error',
    [
        (dict(split='training'), ConfigError),
        (dict(augmentation=dict(), pipeline=TEST_PIPELINE), ConfigError),
        (dict(val_fraction=0), DataError),
        (dict(val_fraction=1.5), DataError),
    ],
)
def test_contradictions_are_refused(drive, arguments, error):
    with pytest.raises(error):
        DRIVEVesselDataset(drive, **arguments)


def test_a_misspelt_argument_is_not_swallowed(drive):
    with pytest.raises(TypeError, match='data_rot'):
        DRIVEVesselDataset(drive, data_rot='x')

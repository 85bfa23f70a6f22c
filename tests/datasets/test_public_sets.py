"""Every public data set is read as it unpacks, with its usual division."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets import (
    PUBLIC,
    ChaseDB1VesselDataset,
    DRIVEVesselDataset,
    FIVESVesselDataset,
    HRFVesselDataset,
    STAREVesselDataset,
)
from mmseg_fundus.datasets.by_name import dataset_by_name
from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.synthetic import synthetic_fundus, write_drive_layout
from mmseg_fundus.errors import ConfigError, DataError

from . import layouts

pytestmark = pytest.mark.slow


def names(dataset):
    return [Path(dataset.get_data_info(i)['img_path']).name for i in range(len(dataset))]


def label_files(dataset):
    return [Path(dataset.get_data_info(i)['seg_map_path']).name for i in range(len(dataset))]


@pytest.mark.parametrize('gz', [False, True], ids=['plain', 'gzipped'])
def test_stare(tmp_path, gz):
    root, end = layouts.write_stare(tmp_path / 'STARE', gz), '.gz' if gz else ''
    train, test = STAREVesselDataset(root, 'trainval'), STAREVesselDataset(root, 'test')
    assert names(train) == [f'im{n:04d}.ppm{end}' for n in layouts.STARE_IDS[:10]]
    assert names(test) == [f'im{n:04d}.ppm{end}' for n in layouts.STARE_IDS[10:]]
    second = STAREVesselDataset(root, 'test', observer='second')
    assert label_files(second)[0] == f'im0162.vk.ppm{end}' and 'fov_path' not in second.get_data_info(0)
    sample = train[0]  # through the pipeline: decoded, field of view found
    label = sample['data_samples'].gt_sem_seg.data[0].numpy()
    assert sample['inputs'].shape == (3, layouts.SIZE, layouts.SIZE) and set(np.unique(label)) == {0, 1, 255}


def test_an_incomplete_stare_keeps_each_picture_on_its_side(tmp_path):
    root = layouts.write_stare(tmp_path / 'STARE')
    for name in ('stare-images/im0001.ppm', 'labels-ah/im0001.ah.ppm', 'labels-vk/im0001.vk.ppm'):
        (root / name).unlink()
    assert names(STAREVesselDataset(root, 'test'))[0] == 'im0162.ppm' and len(STAREVesselDataset(root, 'trainval')) == 9


def test_chase_db1(tmp_path):
    root = layouts.write_chase(tmp_path)
    train, test = ChaseDB1VesselDataset(root, 'trainval'), ChaseDB1VesselDataset(root, 'test')
    assert len(train) == 20 and names(train)[0] == 'Image_01L.jpg' and names(train)[-1] == 'Image_10R.jpg'
    assert names(test) == [f'Image_{n}{side}.jpg' for n in (11, 12, 13, 14) for side in 'LR']
    assert label_files(test)[0] == 'Image_11L_1stHO.png'
    assert label_files(ChaseDB1VesselDataset(root, 'test', observer='second'))[0] == 'Image_11L_2ndHO.png'


def test_hrf(tmp_path):
    root = layouts.write_hrf(tmp_path)
    train, test = HRFVesselDataset(root, 'trainval'), HRFVesselDataset(root, 'test')
    assert [Path(name).stem for name in names(train)] == [f'{n:02d}_{kind}' for n in range(1, 6) for kind in ('dr', 'g', 'h')]
    assert len(test) == 30 and Path(test.get_data_info(0)['fov_path']).name == '06_dr_mask.tif'


def test_hrf_with_maps_of_arteries_and_veins_alone(tmp_path):
    """As shipped beside lwnet: red, blue and green on black, all of it vessel; the field of view is found."""
    for number in (1, 6):
        picture, label, fov = synthetic_fundus(number, 96)
        half = np.arange(96) < 48
        colours = np.where((label > 0)[..., None], np.where(half[:, None], [255, 0, 0], [0, 0, 255]), 0).astype(np.uint8)
        layouts._save(tmp_path / 'images' / f'0{number}_h.jpg', picture)
        layouts._save(tmp_path / 'manual_av' / f'0{number}_h_AVmanual.png', colours)
    dataset = HRFVesselDataset(tmp_path, 'test')
    read = dataset[0]['data_samples'].gt_sem_seg.data[0].numpy()
    assert names(dataset) == ['06_h.jpg'] and np.array_equal(read[read != 255], (label > 0)[read != 255]) and (read == 1).any()
    assert dataset.describe()['labels'] == 'arteries and veins together (manual_av), not the observer of manual1'


@pytest.mark.parametrize('write', [layouts.write_fives_original, layouts.write_fives_guide])
def test_fives_in_both_layouts(tmp_path, write):
    root = write(tmp_path)
    train, test = FIVESVesselDataset(root, 'trainval'), FIVESVesselDataset(root, 'test')
    assert len(train) > len(test) == 2
    assert label_files(test) == names(test)


@pytest.mark.parametrize(
    'kind, ids, suffixes, second',
    [
        (DRIVEVesselDataset, ('21', '01'), ('_manual1', '_manual2'), '01_manual2.png'),
        (DRIVEVesselDataset, ('21_training', '01_test'), ('_manual1',), None),
        (STAREVesselDataset, ('im0001', 'im0162'), ('.ah', '.vk'), 'im0162.vk.png'),
        (ChaseDB1VesselDataset, ('Image_01L', 'Image_11L'), ('_1stHO', '_2ndHO'), 'Image_11L_2ndHO.png'),
        (HRFVesselDataset, ('01_dr', '06_dr'), ('',), None),
    ],
)
def test_mmsegmentations_converted_folders(tmp_path, kind, ids, suffixes, second):
    root = layouts.write_converted(tmp_path, {'training': ids[:1], 'validation': ids[1:]}, suffixes)
    assert names(kind(root, 'trainval')) == [f'{ids[0]}.png'] and names(kind(root, 'test')) == [f'{ids[1]}.png']
    assert read_mask(kind(root, 'test').get_data_info(0)['seg_map_path']).any()
    if second:
        assert label_files(kind(root, 'test', observer='second')) == [second]


def test_names_that_repeat_in_training_and_test_are_told_apart(tmp_path):
    dataset = FIVESVesselDataset(layouts.write_fives_original(tmp_path), 'all')
    found = [dataset.get_data_info(i)['name'] for i in range(5)]
    assert found == ['10_G', 'train_Original_1_A', '2_D', 'test_Original_1_A', '2_N']


def test_a_label_that_looks_inverted_is_told(tmp_path, monkeypatch):
    root = layouts.write_chase(tmp_path)
    said = []
    monkeypatch.setattr('mmseg_fundus.datasets.verify.print_log', lambda text, **kwargs: said.append(text))
    ChaseDB1VesselDataset(root, 'test')
    assert len(said) == 1
    label = Image.open(root / 'Image_12L_1stHO.png')
    Image.fromarray(~np.asarray(label)).save(root / 'Image_12L_1stHO.png')
    ChaseDB1VesselDataset(root, 'test')
    assert '1 of 8 labels are mostly vessel' in said[1] and 'Image_12L_1stHO.png' in said[1]


def test_all_is_training_and_test_together(tmp_path):
    assert len(ChaseDB1VesselDataset(layouts.write_chase(tmp_path), 'all')) == 28


@pytest.mark.parametrize('kind', [HRFVesselDataset, FIVESVesselDataset])
def test_a_second_observer_is_refused_where_there_is_none(tmp_path, kind):
    with pytest.raises(ConfigError, match="observer='second' has no labels"):
        kind(tmp_path, observer='second')


SPOIL = {
    'missing label': ('STARE', 'labels-ah/im0044.ah.ppm', None, 'im0044.ppm has no label in .*labels-ah'),
    'missing picture': ('CHASE_DB1', 'Image_05L.jpg', None, 'label .*Image_05L_1stHO.png has no picture'),
    'missing mask': ('HRF', 'mask/03_g_mask.tif', None, '03_g.jpg has no field-of-view mask'),
    'extra picture': ('STARE', 'stare-images/im0001.ppm', 'stare-images/im0007.ppm', 'im0007.ppm has no label'),
    'picture of no child': ('CHASE_DB1', 'Image_05L.jpg', 'Image_15L.jpg', 'Image_15L.jpg: unexpected file name'),
    'foreign name': ('CHASE_DB1', 'Image_05L.jpg', 'eye.jpg', 'eye.jpg: unexpected file name, expected names such as Image_01L.jpg'),
    'plain and gzipped': ('STARE', 'stare-images/im0001.ppm', 'stare-images/im0001.ppm.gz', 'have the same id'),
    'truncated picture': ('HRF', 'images/02_h.jpg', 0.5, '02_h.jpg is truncated or damaged'),
    'truncated label': ('HRF', 'manual1/02_h.tif', 0.5, '02_h.tif is (truncated|no picture)'),
    'empty label': ('STARE', 'labels-ah/im0003.ah.ppm', 0.0, 'im0003.ah.ppm is no picture'),
    'missing label, fives': ('FIVES', 'train/Ground truth/2_D.png', None, '2_D.png has no label in .*Ground truth'),
}
WRITERS = dict(STARE=layouts.write_stare, CHASE_DB1=layouts.write_chase, HRF=layouts.write_hrf, FIVES=layouts.write_fives_original)


@pytest.mark.parametrize('case', SPOIL)
def test_a_missing_extra_or_truncated_file_is_named_in_one_line(tmp_path, case):
    name, path, change, pattern = SPOIL[case]
    file = WRITERS[name](tmp_path) / path
    if change is None:
        file.unlink()
    elif isinstance(change, str):
        shutil.copy(file, tmp_path / change)
    else:
        file.write_bytes(file.read_bytes()[: int(file.stat().st_size * change)])
    with pytest.raises(DataError, match=pattern) as error:
        PUBLIC[name](tmp_path, 'trainval')
        PUBLIC[name](tmp_path, 'test')
    assert '\n' not in str(error.value)


def test_pictures_that_are_missing_altogether_are_told(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_fundus.datasets.verify.print_log', lambda text, **kwargs: said.append(text))
    DRIVEVesselDataset(write_drive_layout(tmp_path, training=18, test=20, size=32), 'trainval')
    assert said[-1].endswith("of the data set's 20 2 are missing: 39, 40")
    DRIVEVesselDataset(tmp_path, 'test')
    assert said[-1].endswith(' s')


def test_own_pictures_beside_their_labels_in_one_folder(tmp_path):
    from mmseg_fundus.datasets import FundusVesselDataset

    for name in ('a', 'b.c', 'd_mask_e'):
        Image.new('RGB', (6, 4)).save(tmp_path / f'{name}.png')
        Image.new('1', (6, 4), 1).save(tmp_path / f'{name}_vessels.png')
        Image.new('1', (6, 4), 1).save(tmp_path / f'{name}_mask.png')
    dataset = FundusVesselDataset(
        tmp_path, 'trainval', img_dir='.', label_dir='.', fov_dir='.', label_suffix='_vessels', fov_suffix='_mask'
    )
    assert names(dataset) == ['a.png', 'b.c.png', 'd_mask_e.png'] and label_files(dataset)[1] == 'b.c_vessels.png'


@pytest.mark.parametrize('name', ['chase_db1', 'CHASE_DB1', 'ChaseDB1VesselDataset', 'folder'])
def test_a_data_set_is_found_by_name_and_by_its_folder(tmp_path, name):
    root = layouts.write_chase(tmp_path)
    dataset = dataset_by_name(str(root)) if name == 'folder' else dataset_by_name(name, root, split='test')
    assert type(dataset) is ChaseDB1VesselDataset


@pytest.mark.parametrize(
    'name, error',
    [('nothing', ConfigError), ('folder', DataError), ('FundusVessels', ConfigError), ('FundusPhotographsDataset', ConfigError)],
)
def test_an_unknown_name_or_folder_is_refused(tmp_path, name, error):
    with pytest.raises(error, match='no data set|holds none of DRIVE, STARE'):
        dataset_by_name(str(tmp_path) if name == 'folder' else name, **({} if name == 'folder' else {'fov': 'auto', 'split': 'test'}))

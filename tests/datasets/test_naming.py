"""One name for each picture, on any file system, in every process."""

from pathlib import Path

import pytest

from mmseg_fundus.datasets.naming import picture_names, sample_names
from mmseg_fundus.fileio.pictures import distinct_names


def infos(*paths, **more):
    return [dict(img_path=path, **more) for path in paths]


@pytest.mark.parametrize(
    'paths, names',
    [
        (['/d/DRIVE/images/01.tif', '/d/DRIVE/images/02.tif'], ['01', '02']),
        (['/d/DRIVE/test/01.tif', '/d/STARE/test/01.tif', '/d/STARE/test/02.tif'], ['DRIVE_01', 'STARE_01', '02']),
        (['/d/a/x/1.png', '/d/a/y/1.png', '/d/b/x/1.png'], ['a_x_1', 'a_y_1', 'b_x_1']),
        (['/d/Image1.png', '/d/image1.jpg'], ['Image1_png', 'image1_jpg']),
        (['/d/Image1.png', '/d/image1.png'], ['Image1_png_1', 'image1_png_2']),
        (['/d/im1.ppm.gz', '/d/im1.ppm'], ['im1_ppm_gz', 'im1_ppm']),
        (['/d/1.png', '/d/1.png'], ['1_png_1', '1_png_2']),  # another label, or field of view
        (['/d/eye.7.png', '/d/eye.8.png'], ['eye.7', 'eye.8']),
        (['/d/a/1.png', '/d/b/1.png', '/d/c/a_1.png'], ['a_1_png', 'b_1', 'a_1_png_1']),
    ],
)
def test_names_are_as_short_as_they_can_be_told_apart(paths, names):
    found = picture_names(infos(*paths))
    if names[-1] == 'a_1_png_1':  # which of the two is numbered how does not matter
        assert len({name.casefold() for name in found}) == 3 and found[1] == 'b_1'
    else:
        assert found == names


def test_a_data_sets_own_names_are_kept_but_make_no_paths():
    assert picture_names([dict(img_path='/d/1.png', name='eye 1'), dict(img_path='/d/2.png', name='../left/2')]) == ['eye 1', '.._left_2']


def test_a_numbered_name_meets_no_other_one():
    names = distinct_names({1: Path('a.png'), 2: Path('A.png'), 3: Path('a_png_1.png')})
    assert len({str(name).casefold() for name in names.values()}) == 3 and str(names[3]) == 'a_png_1'


def test_samples_that_lost_their_name_get_it_from_the_batch():
    outputs = [dict(img_path='/d/1.tif'), dict(img_path='/e/1.tif', name='own')]
    assert sample_names(outputs) == ['1', 'own']
    assert sample_names(outputs, {'data_samples': [dict(name='d_1'), dict(name='e_1')]}) == ['d_1', 'own']
    assert sample_names(outputs, {'data_samples': [[dict(name='d_1'), dict(name='e_1')]] * 8}) == ['d_1', 'own']

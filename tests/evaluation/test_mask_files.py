"""Reading and pairing other people's masks and probability maps."""

import io
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.errors import DataError
from mmseg_fundus.evaluation.mask_files import match_predictions, read_prediction


def claiming(shape, dtype='<f4', size=0) -> bytes:
    """A ``.npy`` file's header, and as many bytes."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, dict(descr=dtype, fortran_order=False, shape=shape))
    return file.getvalue() + bytes(size)


def npz(path, data, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(f'{path}.npz', 'w', method) as file:
        file.writestr('a.npy', data)


def one_prediction(tmp_path, write):
    write(tmp_path / 'x')
    return next(p for p in tmp_path.iterdir() if p.stem == 'x')


@pytest.mark.parametrize(
    'write, words',
    [
        (
            lambda p: np.save(f'{p}.npy', np.full((4, 4), 1.5)),
            r'x.npy: values from 1.5 to 1.5 \(float64\), expected probabilities from 0 to 1',
        ),
        (lambda p: np.save(f'{p}.npy', np.full((4, 4), np.nan)), 'x.npy: values from nan'),
        (lambda p: np.save(f'{p}.npy', np.zeros((4, 4, 2))), r'x.npy: found an array float64 \(4, 4, 2\), expected one probability'),
        (lambda p: np.savez(f'{p}.npz', a=np.zeros(1), b=np.zeros(1)), 'x.npz holds 2 arrays'),
        (lambda p: np.save(f'{p}.npy', np.array([{}]), allow_pickle=True), 'x.npy cannot be read as a numpy file'),
        (lambda p: p.with_suffix('.png').write_bytes(b'no'), 'x.png is no picture'),
        (lambda p: p.with_suffix('.npy').write_bytes(claiming((40000, 50000))), 'x.npy claims an array float32 .*at most 179 megapixels'),
        (lambda p: p.with_suffix('.npy').write_bytes(claiming((4, 4), '<U99999999')), 'x.npy claims an array .*in 1 GiB'),
        (lambda p: p.with_suffix('.npy').write_bytes(claiming((4, 4), size=63)), 'x.npy cannot be read as a numpy file'),
        (lambda p: npz(p, claiming((40000, 50000))), 'x.npz claims an array'),
        (lambda p: npz(p, claiming((4, 4), size=64), zipfile.ZIP_BZIP2), 'x.npz is packed as numpy does not'),
        (lambda p: os.mkfifo(p.with_suffix('.npy')), 'x.npy is no regular file'),
        (lambda p: os.mkfifo(p.with_suffix('.png')), 'x.png is no regular file'),
    ],
)
def test_a_bad_prediction_is_named(tmp_path, write, words):
    with pytest.raises(DataError, match=words):
        read_prediction(one_prediction(tmp_path, write))


@pytest.mark.parametrize(
    'files, pictures, words',
    [
        (['01_test.png'], ['01_test', '02_test'], 'has no prediction for 02_test'),
        (['01_test_a.png', '01_test_b.png'], ['01_test'], '2 predictions .*keep one'),
        (['010_test.png'], ['01_test'], 'no prediction for 01_test'),
        (['01_training.png'], ['01_test'], 'no prediction for 01_test'),
        (['eye_2.png'], ['eye', 'eye_2'], 'no prediction for eye '),
        (['a_x.png', 'b.png'], ['a', 'a_x'], 'no prediction for a '),
    ],
)
def test_a_missing_or_ambiguous_prediction_is_named(tmp_path, files, pictures, words):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=words):
        match_predictions(tmp_path, pictures)


MASK = np.kron([[0, 1], [1, 0]], np.ones((4, 4))).astype(np.uint8)


@pytest.mark.parametrize(
    'write',
    [
        lambda p: Image.fromarray(MASK.astype(np.uint16) * 65535).save(f'{p}.png'),
        lambda p: Image.fromarray(MASK.astype(np.uint16) * 255).save(f'{p}.png'),
        lambda p: Image.fromarray(MASK.astype(np.int32) * 255).save(f'{p}.tif'),
        lambda p: Image.fromarray(np.dstack([MASK * 255] * 3)).save(f'{p}.png'),
        lambda p: np.save(f'{p}.npy', MASK.astype(np.int64) * 255),
        lambda p: np.save(f'{p}.npy', MASK.astype(float)),
    ],
)
def test_masks_are_read_whatever_their_depth(tmp_path, write):
    values, is_map = read_prediction(one_prediction(tmp_path, write))
    assert np.array_equal(values, MASK) and not is_map


@pytest.mark.parametrize(
    'write, words',
    [
        (lambda p: Image.fromarray(MASK * 2).save(f'{p}.png'), 'holds 2 different values \\(0, 2\\)'),
        (lambda p: Image.fromarray(np.dstack([MASK * 255, MASK * 0, MASK * 0])).save(f'{p}.png'), 'coloured or transparent'),
        (lambda p: Image.fromarray(np.dstack([MASK * 0 + 255] * 3 + [MASK * 255])).save(f'{p}.png'), 'coloured or transparent'),
        (lambda p: Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)).save(f'{p}.png'), 'values from 0 to 63 .*0 to 65535'),
    ],
)
def test_what_is_neither_mask_nor_map_is_refused(tmp_path, write, words):
    with pytest.raises(DataError, match=words):
        read_prediction(one_prediction(tmp_path, write))


def coloured(mask, colours, path):
    """A palette picture of class numbers."""
    image = Image.fromarray(mask)
    image.putpalette(sum(colours, []))
    image.save(path)


@pytest.mark.parametrize('colours', [[[0, 0, 0], [255, 255, 255]], [[120, 120, 120], [6, 230, 230]], [[0, 0, 0], [0, 0, 0]]])
def test_class_numbers_with_a_palette_are_a_mask(tmp_path, colours):
    coloured(MASK, colours, tmp_path / 'x.png')
    values, is_map = read_prediction(tmp_path / 'x.png')
    assert np.array_equal(values, MASK) and not is_map


@pytest.mark.parametrize(
    'write',
    [lambda v, p: Image.fromarray(v).save(f'{p}.png'), lambda v, p: np.save(f'{p}.npy', v), lambda v, p: np.save(f'{p}.npy', v * 1.0)],
)
def test_a_prediction_that_ignores_pixels_is_refused(tmp_path, write):
    values = MASK.copy()
    values[:, -1] = 255
    write(values, tmp_path / 'x')
    with pytest.raises(DataError, match='x.* holds 0, 1 and 255: a prediction says vessel or not in each pixel'):
        read_prediction(one_prediction(tmp_path, lambda p: None))

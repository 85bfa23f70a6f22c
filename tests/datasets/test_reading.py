import gzip
import io

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.reading import read_picture
from mmseg_fundus.errors import DataError

MASK = np.zeros((6, 8), bool)
MASK[2:4, 1:7] = True


def palette_gif(low, high, path, colours):
    image = Image.fromarray(np.where(MASK, high, low).astype(np.uint8), 'P')
    palette = [0] * 768
    palette[3 * low : 3 * low + 3], palette[3 * high : 3 * high + 3] = colours[:3], colours[3:]
    image.putpalette(palette)
    image.save(path)


def gzip_of(image, path):
    plain = io.BytesIO()
    image.convert('RGB').save(plain, 'PPM')
    path.write_bytes(gzip.compress(plain.getvalue()))


WRITERS = {
    '0 and 255': lambda p: Image.fromarray(MASK.astype(np.uint8) * 255).save(p / 'm.png'),
    '0 and 1': lambda p: Image.fromarray(MASK.astype(np.uint8)).save(p / 'm.png'),
    '1 bit': lambda p: Image.fromarray(MASK).save(p / 'm.png'),
    'rgb': lambda p: Image.fromarray(np.repeat(MASK[:, :, None] * np.uint8(255), 3, 2)).save(p / 'm.png'),
    'tif': lambda p: Image.fromarray(MASK.astype(np.uint8) * 255).save(p / 'm.tif'),
    '16 bit': lambda p: Image.fromarray(MASK.astype(np.uint16) * 65535).save(p / 'm.png'),
    'gif 0 and 1': lambda p: palette_gif(0, 1, p / 'm.gif', [0, 0, 0, 255, 255, 255]),
    'gif 0 and 251': lambda p: palette_gif(0, 251, p / 'm.gif', [0, 0, 0, 255, 255, 255]),
    'gzipped': lambda p: gzip_of(Image.fromarray(MASK), p / 'm.ppm.gz'),
    'jpeg': lambda p: Image.fromarray(MASK.astype(np.uint8) * 255).resize((8, 6)).save(p / 'm.jpg', quality=98),
    'nearly black and white': lambda p: Image.fromarray(np.where(MASK, 250, 3).astype(np.uint8)).save(p / 'm.png'),
}


@pytest.mark.parametrize('kind', WRITERS)
def test_labels_read_the_same_however_they_are_stored(tmp_path, kind):
    WRITERS[kind](tmp_path)
    mask = read_mask(next(tmp_path.iterdir()))
    assert mask.dtype == np.uint8 and np.array_equal(mask, MASK)


@pytest.mark.parametrize(
    'values, words',
    [
        ([0, 1, 2], 'holds 3 different values \\(0, 1, 2\\)'),
        ([0, 128, 255], 'holds 3 different values'),
        (list(range(200)), '200 different values \\(0, 1, 2, 3, 4, 5, ...'),
        ([0, 100], '2 different values \\(0, 100\\)'),
        ([200, 255], '2 different values \\(200, 255\\)'),
    ],
)
def test_a_label_that_is_not_black_and_white_is_refused_with_its_values(tmp_path, values, words):
    path = tmp_path / 'label.png'
    Image.fromarray(np.resize(np.array(values, np.uint8), (20, 20))).save(path)
    with pytest.raises(DataError, match=f'{path} holds {words.removeprefix("holds ")}'):
        read_mask(path)


@pytest.mark.parametrize('value, expected', [(0, 0), (1, 1), (255, 1)])
def test_a_label_of_one_value_is_read(tmp_path, value, expected):
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(tmp_path / 'm.png')
    assert (read_mask(tmp_path / 'm.png') == expected).all()


@pytest.mark.parametrize('suffix', ['png', 'tif', 'gif', 'jpg'])
def test_broken_files_are_named(tmp_path, suffix):
    path = tmp_path / f'picture.{suffix}'
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for read in (read_picture, read_mask):
        with pytest.raises(DataError, match=str(path)):
            read(path)
    path.write_text('no picture')
    with pytest.raises(DataError, match=f'{path} is no picture'):
        read_picture(path)
    with pytest.raises(DataError, match='file not found'):
        read_picture(tmp_path / 'gone.png')


def test_pictures_of_more_than_8_bit_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / 'p.png')
    with pytest.raises(DataError, match='8-bit grey or RGB was expected'):
        read_picture(tmp_path / 'p.png')


@pytest.mark.parametrize('mode', ['RGB', 'L', 'RGBA', 'P', '1'])
def test_pictures_of_8_bit_become_rgb(tmp_path, mode):
    Image.new(mode, (5, 4)).save(tmp_path / 'p.png')
    assert read_picture(tmp_path / 'p.png').shape == (4, 5, 3)


def test_labels_with_smooth_edges_are_read(tmp_path):
    smooth = np.zeros((20, 20), np.uint8)
    smooth[5:15, 5:15] = 255
    smooth[4, 5:15], smooth[15, 5:15] = 90, 160
    Image.fromarray(smooth).save(tmp_path / 'smooth.png')
    assert np.array_equal(read_mask(tmp_path / 'smooth.png'), smooth > 127)


def test_a_truncated_gzip_file_is_named(tmp_path):
    path = tmp_path / 'im0001.ppm.gz'
    gzip_of(Image.new('RGB', (50, 50), 'red'), path)
    assert read_picture(path).shape == (50, 50, 3)
    for damage in (path.read_bytes()[:-12], b'no gzip at all'):
        path.write_bytes(damage)
        with pytest.raises(DataError, match=f'{path} is truncated or damaged'):
            read_picture(path)

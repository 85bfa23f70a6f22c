"""Photographs to predict: any depth and format, and what is none is named."""

import sys

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets.photograph import read_photograph
from mmseg_fundus.errors import DataError

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)


@pytest.mark.parametrize('suffix', ['png', 'tif', 'bmp', 'ppm', 'webp'])
def test_eight_bit_colours_are_read_as_they_are(tmp_path, suffix):
    Image.fromarray(RGB).save(tmp_path / f'eye.{suffix}', **({'lossless': True} if suffix == 'webp' else {}))
    assert np.array_equal(read_photograph(tmp_path / f'eye.{suffix}'), RGB)


def test_transparency_is_dropped_and_grey_repeated(tmp_path):
    alpha = np.dstack([RGB, np.full(RGB.shape[:2], 128, np.uint8)])
    Image.fromarray(alpha).save(tmp_path / 'alpha.png')
    Image.fromarray(RGB[..., 0]).save(tmp_path / 'grey.jpg', quality=100)
    assert np.array_equal(read_photograph(tmp_path / 'alpha.png'), RGB)
    grey = read_photograph(tmp_path / 'grey.jpg')
    assert grey.shape == RGB.shape and np.ptp(grey, axis=2).max() == 0


@pytest.mark.parametrize('name', ['colour.tif', 'colour.png', 'grey.tif', 'grey.png'])
def test_sixteen_bits_become_eight(tmp_path, name):
    import cv2

    deep = RGB.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / name), deep[..., ::-1] if 'colour' in name else deep[..., 0])
    found = read_photograph(tmp_path / name)
    expected = RGB if 'colour' in name else np.repeat(RGB[..., :1], 3, axis=2)
    assert found.dtype == np.uint8 and np.array_equal(found, expected)


def test_twelve_bits_in_sixteen_are_not_black(tmp_path):
    Image.fromarray(RGB[..., 0].astype(np.uint16) * 16).save(tmp_path / 'twelve.tif')
    assert np.abs(read_photograph(tmp_path / 'twelve.tif')[..., 0].astype(int) - RGB[..., 0]).max() <= 1


@pytest.mark.filterwarnings('ignore:Corrupt EXIF data')
def test_what_is_no_photograph_is_named(tmp_path):
    (tmp_path / 'text.png').write_text('not a picture')
    Image.fromarray(RGB).save(tmp_path / 'whole.tif')
    data = (tmp_path / 'whole.tif').read_bytes()
    (tmp_path / 'cut.tif').write_bytes(data[: len(data) // 2])
    (tmp_path / 'head.tif').write_bytes(b'II*\0 nothing more')
    Image.fromarray(RGB[..., 0].astype(np.float32)).save(tmp_path / 'float.tif')
    for name in ('text.png', 'cut.tif', 'head.tif', 'float.tif', 'none.png'):
        with pytest.raises(DataError, match=name):
            read_photograph(tmp_path / name)


def test_a_header_without_a_size_is_told_in_words(tmp_path):
    (tmp_path / 'eye.ppm').write_bytes(b'P6y 3 4 255\n')
    with pytest.raises(DataError, match='eye.ppm is truncated or damaged .its header names no width and height.'):
        read_photograph(tmp_path / 'eye.ppm')


def test_without_pydicom_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pydicom', None)
    (tmp_path / 'eye.dcm').write_bytes(b'\0' * 128 + b'DICM')
    with pytest.raises(DataError, match='eye.dcm is a DICOM file.*: pip install pydicom$'):
        read_photograph(tmp_path / 'eye.dcm')


def test_dicom_is_read(tmp_path):
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.pixels import convert_color_space

    path = tmp_path / 'eye.dcm'
    data = pydicom.Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = '1.2.840.10008.5.1.4.1.1.77.1.5.1', '1.2.3'
    data.Rows, data.Columns, data.SamplesPerPixel, data.PlanarConfiguration = 12, 17, 3, 0
    data.PhotometricInterpretation, data.PixelRepresentation = 'RGB', 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelData = 7, RGB.tobytes()
    data.save_as(path, enforce_file_format=True)
    assert np.array_equal(read_photograph(path), RGB)
    data.PhotometricInterpretation, data.PixelData = 'YBR_FULL', convert_color_space(RGB, 'RGB', 'YBR_FULL').tobytes()
    data.save_as(path, enforce_file_format=True)
    assert np.abs(read_photograph(path).astype(int) - RGB).max() <= 2
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match='eye.dcm cannot be read as a DICOM picture'):
        read_photograph(path)

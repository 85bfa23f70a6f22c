"""A file that is small on disk and endless in memory is refused, and soon."""

import gzip
import io
import os
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.photograph import MOST_PIXELS, read_photograph
from mmseg_fundus.datasets.reading import picture_size, read_picture
from mmseg_fundus.errors import DataError
from mmseg_fundus.fileio import reading
from mmseg_fundus.fileio.checksum import file_sha256
from mmseg_fundus.fileio.reading import read_json

READERS = [read_picture, read_mask, read_photograph]


def png_that_claims(width, height):
    data = io.BytesIO()
    Image.new('L', (8, 8)).save(data, 'PNG')
    data = bytearray(data.getvalue())
    data[16:24] = struct.pack('>II', width, height)
    import zlib

    data[29:33] = struct.pack('>I', zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize('reader', READERS)
def test_a_picture_of_too_many_pixels(tmp_path, reader):
    (tmp_path / 'bomb.png').write_bytes(png_that_claims(60000, 60000))
    with pytest.raises(DataError, match='bomb.png'):
        reader(tmp_path / 'bomb.png')


@pytest.mark.parametrize('reader', READERS)
def test_a_packed_file_of_too_many_bytes(tmp_path, reader, monkeypatch):
    monkeypatch.setattr(reading, 'MOST_BYTES', 10**6)
    (tmp_path / 'bomb.ppm.gz').write_bytes(gzip.compress(b'P6 1000 1000 255 ' + bytes(3 * 10**6)))
    with pytest.raises(DataError, match='bomb.ppm.gz holds more than'):
        reader(tmp_path / 'bomb.ppm.gz')


@pytest.mark.parametrize('name', ['bomb.tif', 'bomb.ppm'])
def test_sixteen_bit_colours_of_too_many_pixels(tmp_path, name):
    if name == 'bomb.ppm':
        (tmp_path / name).write_bytes(b'P6 30000 30000 65535 ' + bytes(100))
    else:
        cv2.imwrite(str(tmp_path / name), np.zeros((300, 301, 3), np.uint16), [cv2.IMWRITE_TIFF_COMPRESSION, 1])
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data.replace(struct.pack('<HHII', 256, 3, 1, 301), struct.pack('<HHII', 256, 4, 1, 10**6)))
    with pytest.raises(DataError, match=name):
        read_photograph(tmp_path / name)


def test_no_decoder_of_a_format_that_photographs_do_not_come_in(tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / 'page.eps')
    (tmp_path / 'page.eps').rename(tmp_path / 'page.png')
    with pytest.raises(DataError, match='page.png is no picture'):
        read_picture(tmp_path / 'page.png')


def test_dicom_of_too_many_pixels_or_packed_as_a_whole(tmp_path):
    pydicom = pytest.importorskip('pydicom')
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = '1.2.840.10008.5.1.4.1.1.77.1.5.1', '1.2.3'
    data.Rows, data.Columns, data.SamplesPerPixel, data.PlanarConfiguration = 60000, 60000, 3, 0
    data.PhotometricInterpretation, data.PixelRepresentation = 'RGB', 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelData = 7, bytes(12)
    data.save_as(tmp_path / 'large.dcm', enforce_file_format=True)
    with pytest.raises(DataError, match=f'3,600 megapixels; at most {MOST_PIXELS / 1e6:.0f}'):
        read_photograph(tmp_path / 'large.dcm')
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data.save_as(tmp_path / 'packed.dcm', enforce_file_format=True)
    with pytest.raises(DataError, match='packed.dcm is a deflated DICOM file'):
        read_photograph(tmp_path / 'packed.dcm')
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    data.Rows = data.Columns = 32
    data.PhotometricInterpretation = 'YBR_FULL_422'
    for scans, name in ((0, 'usual.dcm'), (100, 'endless.dcm')):
        data.PixelData = pydicom.encaps.encapsulate([progressive(scans)])
        data['PixelData'].VR = 'OB'
        data['PixelData'].is_undefined_length = True
        data.save_as(tmp_path / name, enforce_file_format=True)
    assert read_photograph(tmp_path / 'usual.dcm').shape == (32, 32, 3)
    with pytest.raises(DataError, match='endless.dcm is a JPEG of more than 100 scans'):
        read_photograph(tmp_path / 'endless.dcm')


def progressive(scans, side=32):
    """A progressive JPEG with its last scan that many times more, and a thumbnail's markers in a segment before."""
    file = io.BytesIO()
    Image.new('RGB', (side, side)).save(file, 'JPEG', progressive=True, comment=b'\xff\xda' * 200)
    data = file.getvalue()
    start, end = data.rindex(b'\xff\xc4', 0, data.rindex(b'\xff\xda')), data.rindex(b'\xff\xd9')
    return data[:end] + data[start:end] * scans + data[end:] + b'\xff\xda' * 200


@pytest.mark.parametrize('reader', [read_picture, read_photograph])
def test_a_jpeg_of_endless_scans(tmp_path, reader):
    (tmp_path / 'usual.jpg').write_bytes(progressive(0))
    assert reader(tmp_path / 'usual.jpg').shape == (32, 32, 3)
    (tmp_path / 'bomb.jpg').write_bytes(progressive(100))
    with pytest.raises(DataError, match='bomb.jpg is a JPEG of more than 100 scans'):
        reader(tmp_path / 'bomb.jpg')
    (tmp_path / 'bomb.jpg').write_bytes(b'\xff\xd8' + b'\xff\xfe\0\2' * 100_001 + progressive(0)[2:])
    with pytest.raises(DataError, match='bomb.jpg is a JPEG of .*very many segments'):
        reader(tmp_path / 'bomb.jpg')


@pytest.mark.parametrize('reader', [*READERS, picture_size, read_json, file_sha256])
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path, reader):
    os.mkfifo(tmp_path / 'pipe.png')
    for path, words in ((tmp_path / 'pipe.png', 'pipe.png is no regular file'), ('/dev/zero', '/dev/zero is no regular file')):
        with pytest.raises(DataError, match=words):
            reader(path)


@pytest.mark.parametrize('text', ['[' * 200_000, '[' * 150 + ']' * 150, '{"a"', '\udcff', '9' * 5000, '"' + 'x' * 2000 + '"'])
def test_json_that_is_deep_damaged_or_long(tmp_path, text, monkeypatch):
    monkeypatch.setattr(reading, 'MOST_JSON', 1000 if text.startswith('"') else 10**6)
    (tmp_path / 'x.json').write_text(text, errors='surrogateescape')
    with pytest.raises(DataError, match='x.json (cannot be read as JSON|holds more than)'):
        read_json(tmp_path / 'x.json')

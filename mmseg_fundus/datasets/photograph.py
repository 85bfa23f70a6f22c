"""Reading a photograph to predict: any depth, any usual format, DICOM where pydicom is installed."""

import io
import re
import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from ..errors import DataError
from ..fileio.pictures import DICOM_SUFFIXES
from ..fileio.reading import read_bytes, truncated
from .reading import check_scans, opened

_DEEP = ('I', 'I;16', 'I;16B', 'I;16L', 'I;16N', 'F')  # Pillow's modes of more than 8 bits

MOST_PIXELS = 178_956_970  # where Pillow stops
_DEFLATED = b'1.2.840.10008.1.2.1.99'  # a DICOM file that is packed as a whole

# Pillow warns from 89 megapixels on and refuses from 179 on, which is where read_photograph() stops as well
warnings.filterwarnings('ignore', category=Image.DecompressionBombWarning)


def read_photograph(path: str | Path) -> np.ndarray:
    """Read a photograph of 8 or 16 bits, grey or colour, as ``(H, W, 3)`` uint8 RGB.

    As stored: an EXIF orientation is not applied, transparency is dropped, of several pages the first is read.  16-bit values are
    divided by 257; where none is above 4095 they are 12-bit ones and divided by 16.

    Args:
        path (str | Path): PNG, JPEG, TIFF, PPM, GIF, BMP, WebP, perhaps gzipped; DICOM with the ``dicom`` extra.

    Raises:
        DataError: If the file is missing, is no picture, is damaged, or has more than 179 megapixels.
    """
    data = read_bytes(path)
    if Path(path).suffix.lower() in DICOM_SUFFIXES or data[128:132] == b'DICM':
        return _read_dicom(path, data)
    try:
        with opened(path, data) as image:
            if image.mode not in _DEEP:
                return np.array(image.convert('RGB'))
    except DataError as error:  # damaged; or 16-bit colours, which Pillow does not know
        if not isinstance(error.__cause__, UnidentifiedImageError) or not data.startswith((b'II', b'MM', b'P6', b'P5')):
            raise
        _check_pixels(path, data)
    return _read_deep(path, data)


def _check_pixels(path: str | Path, data: bytes) -> None:
    """Refuse what OpenCV would make gigabytes of: it stops at six times as many pixels as Pillow."""
    try:
        if data.startswith((b'P5', b'P6')):
            match = re.match(rb'P[56](?:\s+#[^\n]*)*\s+(\d{1,9})(?:\s+#[^\n]*)*\s+(\d{1,9})\s', data[:4096])
            if match is None:
                raise ValueError('its header names no width and height')
            width, height = map(int, match.groups())
        else:
            header = data[: 16 if data[2:3] == b'+' or data[3:4] == b'+' else 8]
            tags = TiffImagePlugin.ImageFileDirectory_v2(header)
            file = io.BytesIO(data)
            file.seek(tags.next)
            tags.load(file)
            width, height = int(tags[256]), int(tags[257])
    except Exception as error:
        raise truncated(path, error) from error
    _check_number(path, width * height)


def _check_number(path: str | Path, pixels: int) -> None:
    if pixels > MOST_PIXELS:
        raise DataError(f'{path} claims {pixels / 1e6:,.0f} megapixels; at most {MOST_PIXELS / 1e6:.0f} are read')


def _read_deep(path: str | Path, data: bytes) -> np.ndarray:
    set_level = getattr(cv2, 'setLogLevel', None) or cv2.utils.logging.setLogLevel  # until 4.11, and from 4.12 on
    level = set_level(0)  # silent: it would print what the error below says
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        values = None
    finally:
        set_level(level)
    if values is None:
        raise DataError(f'{path} is truncated or damaged, or of a kind that neither Pillow nor OpenCV reads; save it as PNG')
    if values.ndim == 3:
        values = values[:, :, 2::-1] if values.shape[2] >= 3 else values[:, :, :1]
    return _to_rgb(path, values)


def _to_rgb(path: str | Path, values: np.ndarray, bits: int | None = None) -> np.ndarray:
    """8-bit RGB of grey or RGB values of up to 16 bits."""
    if values.dtype.kind not in 'ui':
        raise DataError(f'{path} holds {values.dtype} values; 8 or 16 bits of grey or RGB were expected, convert it first')
    if values.dtype.itemsize > 1 or bits:
        values = np.clip(values, 0, 65535)
        bits = bits or (12 if values.max(initial=0) < 4096 else 16)
        values = np.round(values * (255 / (2**bits - 1))).clip(0, 255)
    if values.ndim == 2 or values.shape[2] == 1:
        values = np.repeat(values.reshape(*values.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(values, np.uint8)


def _read_dicom(path: str | Path, data: bytes) -> np.ndarray:
    try:
        import pydicom
    except ImportError as error:
        raise DataError(f'{path} is a DICOM file; reading it needs pydicom: pip install pydicom') from error
    if _DEFLATED in data:
        raise DataError(f'{path} is a deflated DICOM file, which could unpack to any size; save it uncompressed')
    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
        _check_number(path, int(dataset.Rows) * int(dataset.Columns))
        if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=int(dataset.get('NumberOfFrames') or 1))
            if frame.startswith(b'\xff\xd8'):
                check_scans(path, frame)
        values = pydicom.pixels.pixel_array(dataset, index=0)
        if dataset.PhotometricInterpretation == 'MONOCHROME1':  # YBR comes as RGB
            values = 2**dataset.BitsStored - 1 - values
        bits = int(dataset.BitsStored)
    except DataError:
        raise
    except Exception as error:  # pydicom and its decoders raise nearly anything
        raise DataError(
            f'{path} cannot be read as a DICOM picture ({type(error).__name__}: {" ".join(str(error).split())[:150]})'
        ) from error
    return _to_rgb(path, values, None if bits == 8 else bits)

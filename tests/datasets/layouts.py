"""Writes small synthetic pictures under the public data sets' own file names."""

import gzip
import io
from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_fundus.datasets.synthetic import synthetic_fundus, write_fives_layout

STARE_IDS = (1, 2, 3, 4, 5, 44, 77, 81, 82, 139, 162, 163, 235, 236, 239, 240, 255, 291, 319, 324)
SIZE = 48


def _save(path: Path, array, mode='RGB', gz=False, kind=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = io.BytesIO()
    Image.fromarray(array).convert(mode).save(
        contents, kind or {'.jpg': 'JPEG', '.tif': 'TIFF', '.ppm': 'PPM', '.png': 'PNG'}[path.suffix.lower()]
    )
    data = contents.getvalue()
    if gz:
        path, data = path.with_name(path.name + '.gz'), gzip.compress(data)
    path.write_bytes(data)


def write_stare(root: Path, gz=False) -> Path:
    for number in STARE_IDS:
        picture, label, fov = synthetic_fundus(number, SIZE)
        _save(root / 'stare-images' / f'im{number:04d}.ppm', picture, gz=gz)
        _save(root / 'labels-ah' / f'im{number:04d}.ah.ppm', label, gz=gz)
        _save(root / 'labels-vk' / f'im{number:04d}.vk.ppm', np.roll(label, 1, 0), gz=gz)  # other pixels than the first observer's
    return root


def write_chase(root: Path) -> Path:
    for number in range(1, 15):
        for side in 'LR':
            picture, label, fov = synthetic_fundus(2 * number + (side == 'R'), SIZE)
            _save(root / f'Image_{number:02d}{side}.jpg', picture)
            _save(root / f'Image_{number:02d}{side}_1stHO.png', label, '1')
            _save(root / f'Image_{number:02d}{side}_2ndHO.png', np.roll(label, 1, 0), '1')
    (root / 'Thumbs.db').write_bytes(b'x')
    return root


def write_hrf(root: Path) -> Path:
    for kind in ('h', 'g', 'dr'):
        for number in range(1, 16):
            picture, label, fov = synthetic_fundus(number, SIZE)
            _save(root / 'images' / f'{number:02d}_{kind}.{"JPG" if kind == "dr" else "jpg"}', picture)
            _save(root / 'manual1' / f'{number:02d}_{kind}.tif', label, 'L')
            _save(root / 'mask' / f'{number:02d}_{kind}_mask.tif', fov)
    return root


def write_fives_original(root: Path) -> Path:
    for part, ids in (('train', ('1_A', '2_D', '10_G')), ('test', ('1_A', '2_N'))):
        for id in ids:
            picture, label, _ = synthetic_fundus(len(id), SIZE)
            _save(root / part / 'Original' / f'{id}.png', picture)
            _save(root / part / 'Ground truth' / f'{id}.png', label)
    return root


def write_fives_guide(root: Path) -> Path:
    return write_fives_layout(root, training=4, test=2, size=SIZE)


def write_converted(root: Path, ids: dict, suffixes) -> Path:
    """mmsegmentation's converted layout; labels are 0 and 1."""
    for part, names in ids.items():
        for name in names:
            picture, label, fov = synthetic_fundus(1, SIZE)
            _save(root / 'images' / part / f'{name}.png', picture)
            for suffix, mask in zip(suffixes, (label, np.roll(label, 1, 0))):
                _save(root / 'annotations' / part / f'{name}{suffix}.png', mask // 255, 'L')
    return root

"""Spoilt files for the readers: each ends in an error of ours or in the right answer, soon."""

import gzip
import io
import random
import re
import signal
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch
from family_files import FILES
from PIL import Image
from safetensors.torch import save_file
from tiny import STANDIN, write_weights

from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.photograph import read_photograph
from mmseg_fundus.datasets.reading import picture_size, read_grey, read_picture
from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.errors import FundusError
from mmseg_fundus.evaluation.mask_files import read_prediction
from mmseg_fundus.models.checkpoints import load_from_local
from mmseg_fundus.models.encoders.vit import expected_shapes
from mmseg_fundus.models.encoders.weights import load_encoder

SECONDS = 20  # for one file
EXPECTED = expected_shapes(STANDIN['embed_dims'], STANDIN['num_layers'], STANDIN['feedforward_channels'], 16, STANDIN['grid'] ** 2 + 1)


def spoil(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one to four changes: bits, bytes, runs of one byte, cuts, repeats, what is elsewhere in it, numbers at an edge."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not data:
            break
        # half of the changes are where the headers are
        at = rng.randrange(min(len(data), 200)) if rng.random() < 0.5 else rng.randrange(len(data))
        length = min(rng.choice([1, 2, 4, 8, 64, 1000]), len(data) - at)
        kind = rng.randrange(7)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + length] = rng.randbytes(length)
        elif kind == 2:
            data[at : at + length] = bytes([rng.choice([0, 255])]) * length
        elif kind == 3:
            del data[at : at + length if rng.random() < 0.5 else None]
        elif kind == 4:
            data[at:at] = data[at : at + length] * rng.randint(1, 3)
        elif kind == 5:
            other = rng.randrange(len(data))
            data[at : at + length] = data[other : other + length]
        else:
            number = rng.choice([0, 1, 0x7F, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
            data[at : at + 4] = number.to_bytes(4, rng.choice(['little', 'big']))
    return bytes(data)


def spoil_inside(data: bytes, rng: random.Random) -> bytes:
    """A checkpoint whose pickle is spoilt and whose checksums are right."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, 'w') as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, spoil(content, rng) if info.filename.endswith('data.pkl') else content)
    return result.getvalue()


def checkpoints(folder: Path) -> dict:
    """Whole files by name, as bytes."""
    whole = write_weights(folder / 'whole.pth')
    torch.save(torch.load(whole, weights_only=False), folder / 'legacy.pth', _use_new_zipfile_serialization=False)
    trained = {
        'meta': {'epoch': 1, 'iter': 6, 'training': {'seed': 1}},
        'state_dict': {'decode_head.w': torch.randn(3, 3)},
        'message_hub': {'runtime_info': {}, 'log_scalars': {}},
        'optimizer': {'state': {0: {'step': torch.tensor(1.0)}}, 'param_groups': [{'lr': 0.1, 'params': [0]}]},
    }
    torch.save(trained, folder / 'trained.pth')
    return {path.name: path.read_bytes() for path in sorted(folder.glob('*.pth'))}


def check_checkpoint(name: str, changed: bytes, whole: dict, rng: random.Random, path: Path) -> None:
    path.write_bytes(changed)
    if name == 'trained.pth':
        assert isinstance(load_from_local(path), dict)
        return
    found = load_encoder(path, EXPECTED, rng.choice(['teacher', 'student']))
    assert {key: tuple(tensor.shape) for key, tensor in found.tensors.items()} == EXPECTED
    assert all(torch.isfinite(tensor).all() for tensor in found.tensors.values())


def foundation_models(folder: Path) -> dict:
    """Whole safetensors files of the families by name, as bytes."""
    whole = {}
    for name, (content, _, _) in FILES.items():
        tensors = content.get('teacher') or content.get('model') or content
        if all(isinstance(tensor, torch.Tensor) for tensor in tensors.values()):
            save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / 'whole.safetensors')
            load_encoder(folder / 'whole.safetensors')
            whole[f'{re.sub(r"[ ,/]+", "_", name)}.safetensors'] = (folder / 'whole.safetensors').read_bytes()
    return whole


def check_foundation_model(name: str, changed: bytes, whole: dict, rng: random.Random, path: Path) -> None:
    path.write_bytes(changed)
    found = load_encoder(path)
    assert {key: tuple(tensor.shape) for key, tensor in found.tensors.items()} == found.architecture.expected()
    assert all(torch.isfinite(tensor).all() for tensor in found.tensors.values())


def pictures(folder: Path) -> dict:
    """Whole files by name, as bytes: a photograph in each format and depth, labels, probabilities."""
    root = write_drive_layout(folder / 'DRIVE', training=1, test=1, size=64)
    photograph = Image.open(next((root / 'training/images').iterdir())).convert('RGB')
    label = Image.open(next((root / 'training/1st_manual').iterdir())).convert('L')
    plain = folder / 'plain'
    plain.mkdir()
    for suffix in ('png', 'jpg', 'tif', 'gif', 'bmp', 'ppm', 'webp'):
        photograph.save(plain / f'photograph.{suffix}')
        if suffix != 'webp':
            label.save(plain / f'label.{suffix}')
    photograph.save(plain / 'packed.tif', compression='tiff_deflate')
    deep = np.asarray(photograph.convert('L')).astype(np.uint16) * 257
    Image.fromarray(deep).save(plain / 'deep.tif')
    Image.fromarray(deep).save(plain / 'deep.png')
    import cv2

    cv2.imwrite(str(plain / 'deep_colour.tif'), np.dstack([deep] * 3))
    np.save(plain / 'probability.npy', deep.astype(np.float32) / 65535)
    np.savez_compressed(plain / 'probability.npz', deep.astype(np.float32) / 65535)
    (plain / 'photograph.ppm.gz').write_bytes(gzip.compress((plain / 'photograph.ppm').read_bytes()))
    return {path.name: path.read_bytes() for path in sorted(plain.iterdir())}


def check_picture(name: str, changed: bytes, whole: dict, rng: random.Random, path: Path) -> None:
    path.write_bytes(changed)
    if 'np' in path.suffix:
        values, _ = read_prediction(path)
        assert values.dtype == np.float32 and values.min(initial=0) >= 0 and values.max(initial=0) <= 1
        return
    reader = rng.choice([read_picture, read_mask, read_grey, read_photograph, picture_size])
    found = reader(path)
    if reader in (read_picture, read_photograph):
        assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3
    elif reader is read_mask:
        assert found.dtype == np.uint8 and set(np.unique(found)) <= {0, 1}


KINDS = {
    'checkpoints': (checkpoints, check_checkpoint),
    'foundation models': (foundation_models, check_foundation_model),
    'pictures and labels': (pictures, check_picture),
}


def _too_slow(*_):
    raise AssertionError(f'no end after {SECONDS} s')


def fuzz(kind: str, cases: int, seed: int, folder: Path) -> dict:
    """Spoil files of a kind and read them.

    Args:
        kind (str): Of ``KINDS``.
        cases (int): Files.
        seed (int): Of the changes.
        folder (Path): Scratch; the spoilt file of a failure stays there.

    Returns:
        dict: ``refused`` and ``read``, numbers; ``failures``, one line each.
    """
    make, check = KINDS[kind]
    rng = random.Random(seed)
    found = dict(refused=0, read=0, failures=[])
    folder.mkdir(parents=True)
    whole = make(folder)
    previous = signal.signal(signal.SIGALRM, _too_slow)
    for number in range(cases):
        name = rng.choice(sorted(whole))
        zipped = name in ('whole.pth', 'trained.pth') and rng.random() < 0.5
        changed = (spoil_inside if zipped else spoil)(whole[name], rng)
        path = folder / f'{number}-{name}'
        signal.alarm(SECONDS)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                check(name, changed, whole, rng, path)
            found['read'] += 1
        except FundusError as error:
            found['refused'] += 1
            if len(str(error)) > 1000:
                found['failures'].append(f'{path}: a message of {len(str(error))} characters')
        except BaseException as error:  # noqa: B036 (that is what is looked for)
            found['failures'].append(f'{path}: {type(error).__name__}: {str(error)[:200]}')
            continue
        finally:
            signal.alarm(0)
        path.unlink()
    signal.signal(signal.SIGALRM, previous)
    return found

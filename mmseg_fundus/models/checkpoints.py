"""Checkpoints of mmengine's runner, ``init_model`` and inferencers, read without letting anything in them run."""

import hashlib
import os
import re
import shutil
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

import torch
from mmengine.runner import checkpoint as mmengine_checkpoint

from ..errors import CheckpointError, WeightsError
from ..fileio.safe_load import LONGEST, OPT_IN, plain, safe_load
from ..fileio.whole_files import temporary_beside

FINGERPRINT = 'encoder_sha256'  # in the state dict of a checkpoint without its encoder: fingerprint of that one's tensors, 32 bytes
PATIENCE = 30  # seconds without an answer after which a download is given up
_COUNTS = re.compile(r'(num_batches_tracked|_index|_ids)$')  # integers beside the weights, of batch norm, Swin, CLIP


def read_checkpoint(filename, map_location='cpu') -> dict:
    """A checkpoint file's contents, read without running anything in it unless ``FUNDUS_ALLOW_UNSAFE`` is in the environment.

    Args:
        filename (str | Path): The file.
        map_location: Where the tensors go, as in :func:`torch.load`.

    Returns:
        dict: What was saved.

    Raises:
        CheckpointError: If the file is missing, damaged, or needs more than data to load.
    """
    path = Path(filename).expanduser()
    if not path.exists():
        raise CheckpointError(f'checkpoint not found: {path.absolute()}')
    try:
        found = safe_load(path, bool(os.environ.get(OPT_IN)), map_location)
    except WeightsError as error:
        raise CheckpointError(str(error).replace('or allow_unsafe=True in the config', f'or {OPT_IN}=1 in the environment')) from error
    if not isinstance(found, dict):
        raise CheckpointError(f'{path} is no checkpoint of a training: it holds a {type(found).__name__}')
    return found


def _is_plain(value) -> bool:
    """Whether a value is what JSON can hold."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float))


def _misfit(name, tensor) -> str | None:
    """What is wrong with an entry of a state dict."""
    if not isinstance(name, str) or len(name) > LONGEST or not name.isprintable():
        return f'a key of its state_dict is no name ({plain(str(name)) if isinstance(name, str) else type(name).__name__})'
    if not isinstance(tensor, torch.Tensor):
        return f'{plain(name)} is a {type(tensor).__name__}, a tensor was expected'
    holds = f'{plain(name)} holds {tensor.dtype} values of shape {tuple(tensor.shape)}'
    if tensor.layout != torch.strided or tensor.is_meta or tensor.is_neg():
        return f'{holds}, {tensor.layout} on {tensor.device.type}; a dense tensor with its values was expected'
    if name.split('.')[-1] == FINGERPRINT:
        return None if tensor.dtype == torch.uint8 and tensor.shape == (32,) else f'{holds}, 32 of uint8 were expected'
    if _COUNTS.search(name) and tensor.dtype in (torch.int64, torch.int32):
        return None
    if not tensor.is_floating_point():
        return f'{holds}, floating point was expected'
    if not torch.isfinite(tensor.float()).all():
        return f'{plain(name)} holds NaN or infinite values, its training diverged or the file is damaged'
    return None


def check_checkpoint(found: dict, path) -> None:
    """Refuse a checkpoint whose parts are not of the types that a training writes.

    Args:
        found (dict): What was read; its ``state_dict`` and ``meta`` are looked at.
        path (str | Path): From where, for the message.

    Raises:
        CheckpointError: Naming the first part that is wrong, and what was expected.
    """
    state, meta = found.get('state_dict'), found.get('meta', {})
    wrong = None
    if not isinstance(state, dict):
        wrong = 'it has no state_dict' if state is None else f'its state_dict is a {type(state).__name__}, a dict was expected'
    elif not isinstance(meta, dict):
        wrong = f'its meta is a {type(meta).__name__}, a dict was expected'
    elif not isinstance(meta.get('training', {}), dict) or not _is_plain(meta.get('training')):
        wrong = "its meta['training'] is no dict of plain data (texts, numbers, lists, dicts)"
    elif meta.get('threshold') is not None:
        chosen = meta['threshold'].get('threshold') if isinstance(meta['threshold'], dict) else None
        if type(chosen) not in (int, float) or not 0 <= chosen < 1:
            wrong = "its meta['threshold'] is no dict with a threshold from 0 to 1"
    wrong = wrong or next((text for name, tensor in state.items() if (text := _misfit(name, tensor))), None)
    if wrong:
        raise CheckpointError(f'{path} is no checkpoint of a training: {wrong}; give one as the training wrote it')


def read_trained(filename) -> dict:
    """:func:`read_checkpoint` of a file that must hold a trained model's ``state_dict``."""
    found = read_checkpoint(filename)
    check_checkpoint(found, filename)
    return found


def load_from_local(filename, map_location=None) -> dict:
    """:func:`read_checkpoint` for mmengine, which calls it in place of its own loader, which unpickles anything.

    A configuration that is kept inside a checkpoint is Python code, which mmengine would run (``meta['config']`` when it resumes,
    ``cfg`` when an inferencer is given no config): it is left out, unless ``FUNDUS_ALLOW_UNSAFE`` is in the environment.
    """
    found = read_checkpoint(filename, map_location or 'cpu')
    if 'state_dict' in found:  # else a flat dict of tensors
        check_checkpoint(found, filename)
    if not os.environ.get(OPT_IN):
        hub = found.get('message_hub')
        for holder in (found.get('meta'), hub.get('runtime_info') if isinstance(hub, dict) else None):
            if isinstance(holder, dict):
                holder.pop('config', None)
                holder.pop('cfg', None)
    return found


def _download(address: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    request = Request(address, headers={'User-Agent': 'mmseg_fundus'})
    with urlopen(request, timeout=PATIENCE) as answer, path.open('wb') as file:
        shutil.copyfileobj(answer, file, 2**20)
        length, got = answer.headers.get('Content-Length', ''), file.tell()
    if length.isdecimal() and int(length) != got:
        raise ValueError(f'{got:,} of {int(length):,} bytes came')


def load_from_http(filename, map_location=None, *args, **kwargs) -> dict:
    """Download a checkpoint into torch's cache, once for each address, and read it as :func:`load_from_local` does.

    What cannot be read is not kept.
    """
    folder = hashlib.sha256(filename.encode()).hexdigest()[:16]
    name = re.sub(r'[^\w.-]', '_', filename.split('?')[0].split('/')[-1])[-100:].lstrip('.') or 'checkpoint.pth'
    path = Path(torch.hub.get_dir()) / 'checkpoints' / folder / name
    if path.is_file():
        return load_from_local(path, map_location)
    temporary = temporary_beside(path)
    try:
        _download(filename, temporary)
        found = load_from_local(temporary, map_location)
        os.replace(temporary, path)
        return found
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(temporary), filename)) from error
    except (OSError, ValueError, HTTPException) as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f'{filename} could not be downloaded ({plain(why[0])}); download it yourself and name the file') from error
    finally:
        temporary.unlink(missing_ok=True)


def load_from_anywhere(filename) -> dict:
    """A checkpoint from a file or an http(s) address, as mmengine will read it."""
    return (load_from_http if str(filename).startswith(('http://', 'https://')) else load_from_local)(filename)


def load_from_elsewhere(filename, map_location=None):
    """Refuse an address whose loader unpickles what it fetches."""
    raise CheckpointError(f'{filename}: checkpoints are read from files and http(s) addresses; download it and name the file')


def make_loading_safe() -> None:
    """Have mmengine read every checkpoint with the functions above, by whatever scheme; importing ``mmseg_fundus`` calls it."""
    loader = mmengine_checkpoint.CheckpointLoader
    mmengine_checkpoint.load_from_local = load_from_local  # torchvision://, open-mmlab:// and the like end in one of these two
    mmengine_checkpoint.load_from_http = load_from_http
    loader.register_scheme('', load_from_local, force=True)
    loader.register_scheme(['http://', 'https://'], load_from_http, force=True)
    for prefix in [name for name in loader._schemes if any(word in name for word in ('s3', 'petrel', 'pavi'))]:
        loader.register_scheme(prefix, load_from_elsewhere, force=True)

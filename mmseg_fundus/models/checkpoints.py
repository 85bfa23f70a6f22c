"""Checkpoints of mmengine's runner, ``init_model`` and inferencers, read without letting anything in them run."""

import hashlib
import os
from pathlib import Path

import torch
from mmengine.runner import checkpoint as mmengine_checkpoint

from ..errors import CheckpointError, WeightsError
from .safe_load import safe_load

OPT_IN = 'FUNDUS_ALLOW_UNSAFE'  # environment variable; --allow-unsafe of the tools sets it, for their processes too


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
    if not path.is_file():
        raise CheckpointError(f'checkpoint not found: {path.absolute()}')
    try:
        found = safe_load(path, bool(os.environ.get(OPT_IN)), map_location)
    except WeightsError as error:
        raise CheckpointError(str(error).replace('or allow_unsafe=True in the config', f'or {OPT_IN}=1 in the environment')) from error
    if not isinstance(found, dict):
        raise CheckpointError(f'{path} is no checkpoint of a training: it holds a {type(found).__name__}')
    return found


def read_trained(filename) -> dict:
    """:func:`read_checkpoint` of a file that must hold a trained model's ``state_dict``."""
    found = read_checkpoint(filename)
    if not isinstance(found.get('state_dict'), dict):
        raise CheckpointError(f'{filename} is no checkpoint of a training: it has no state_dict')
    return found


def load_from_local(filename, map_location=None) -> dict:
    """:func:`read_checkpoint` for mmengine, which calls it in place of its own loader, which unpickles anything.

    A configuration that is kept inside a checkpoint is Python code, which mmengine would run (``meta['config']`` when it resumes,
    ``cfg`` when an inferencer is given no config): it is left out, unless ``FUNDUS_ALLOW_UNSAFE`` is in the environment.
    """
    found = read_checkpoint(filename, map_location or 'cpu')
    if not os.environ.get(OPT_IN):
        hub = found.get('message_hub')
        for holder in (found.get('meta'), hub.get('runtime_info') if isinstance(hub, dict) else None):
            if isinstance(holder, dict):
                holder.pop('config', None)
                holder.pop('cfg', None)
    return found


def load_from_http(filename, map_location=None, *args, **kwargs) -> dict:
    """Download a checkpoint into torch's cache, once for each address, and read it as :func:`load_from_local` does."""
    folder = hashlib.sha256(filename.encode()).hexdigest()[:16]
    path = Path(torch.hub.get_dir()) / 'checkpoints' / folder / Path(filename.split('?')[0]).name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(filename, str(path), progress=False)
        except (OSError, ValueError) as error:
            raise CheckpointError(f'{filename} could not be downloaded ({error}); download it yourself and name the file') from error
    return load_from_local(path, map_location)


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

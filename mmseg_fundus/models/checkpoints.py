"""Checkpoints of mmengine's runner, ``init_model`` and inferencers, read without letting anything in them run."""

import json
import os
import re
from pathlib import Path
from typing import Any, NoReturn

import torch
from mmengine.optim.scheduler import OneCycleParamScheduler
from mmengine.runner import checkpoint as mmengine_checkpoint

from ..errors import CheckpointError, plain, told_as
from ..fileio.download import download, kept_at
from ..fileio.plain_objects import know_methods
from ..fileio.safe_load import LONGEST, OPT_IN, safe_load
from ..fileio.tensor_file import NamedTensors, save_safetensors
from ..fileio.whole_files import temporary_beside, write_whole
from ..named_files import find_checkpoint
from ..zoo import bundled, bundled_names

FINGERPRINT = 'encoder_sha256'  # in the state dict of a checkpoint without its encoder: fingerprint of that one's tensors, 32 bytes
BUNDLED = 'mmseg_fundus://'  # before the name of a model that comes with the package
META = 'meta'  # among a safetensors file's texts: the checkpoint's ``meta`` as JSON
_COUNTS = re.compile(r'(num_batches_tracked|_index|_ids)$')  # integers beside the weights, of batch norm, Swin, CLIP


def read_checkpoint(filename: str | os.PathLike[str], map_location: Any = 'cpu') -> dict[str, Any]:
    """A checkpoint file's contents, read without running anything in it unless ``FUNDUS_ALLOW_UNSAFE`` is in the environment.

    Args:
        filename (str | Path): The file; of torch, or a safetensors file, whose texts may have ``meta`` as JSON (:func:`write_checkpoint`).
        map_location: Where the tensors go, as in :func:`torch.load`.

    Returns:
        dict: What was saved.

    Raises:
        CheckpointError: If the file is missing, damaged, or needs more than data to load.
    """
    path = find_checkpoint(filename)
    with told_as(CheckpointError):
        opt_in = f'--allow-unsafe, or {OPT_IN}=1 in the environment'
        found = safe_load(path, bool(os.environ.get(OPT_IN)), map_location, opt_in=opt_in)
    if isinstance(found, NamedTensors) and META in found.metadata:
        return {'meta': _from_json(found.metadata[META], path), 'state_dict': dict(found)}
    if not isinstance(found, dict):
        raise CheckpointError(f'{path} is no checkpoint of a training: it holds a {type(found).__name__}')
    return found


def _from_json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'{path} is no checkpoint of a training: its {META!r} is no JSON ({plain(str(error))})') from error


def write_checkpoint(path: str | os.PathLike[str], found: dict[str, Any]) -> list[str]:
    """Write a trained model's checkpoint, whole or not at all; one called ``.safetensors`` is of that format.

    Safetensors hold tensors and texts: the state dict, and ``meta`` as JSON.

    Args:
        path (str | Path): The file.
        found (dict): With ``state_dict`` and ``meta``; of a safetensors file, nothing else is kept.

    Returns:
        list[str]: Parts of ``meta`` that were left out, because JSON cannot hold them.

    Raises:
        WriteError: If the file cannot be written.
    """
    path = Path(path)
    if path.suffix != '.safetensors':
        write_whole(path, lambda temporary: torch.save(found, temporary))
        return []
    meta = found.get('meta') or {}
    kept = {name: value for name, value in meta.items() if isinstance(name, str) and _is_plain(value)}
    texts = {META: json.dumps(kept), 'format': 'pt'}
    write_whole(path, lambda temporary: save_safetensors(found['state_dict'], temporary, texts))
    return [str(name) for name in meta if name not in kept]


def _is_plain(value: Any) -> bool:
    """Whether a value is what JSON can hold."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float))


def _misfit(name: Any, tensor: Any) -> str | None:
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


def check_checkpoint(found: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Refuse a checkpoint whose parts are not of the types that a training writes.

    Args:
        found (dict): What was read; its ``state_dict`` and ``meta`` are looked at.
        path (str | Path): From where, for the message.

    Raises:
        CheckpointError: Naming the first part that is wrong, and what was expected.
    """
    state: Any = found.get('state_dict')
    meta, wrong = found.get('meta', {}), None
    if not isinstance(state, dict):
        wrong = 'it has no state_dict' if state is None else f'its state_dict is a {type(state).__name__}, a dict was expected'
    elif not isinstance(meta, dict):
        wrong = f'its meta is a {type(meta).__name__}, a dict was expected'
    elif not isinstance(meta.get('training', {}), dict) or not _is_plain(meta.get('training')):
        wrong = "its meta['training'] is no dict of plain data (texts, numbers, lists, dicts)"
    elif not isinstance(meta.get('calibration', {}), dict) or not _is_plain(meta.get('calibration')):
        wrong = "its meta['calibration'] is no dict of plain data (texts, numbers, lists, dicts)"
    elif meta.get('threshold') is not None:
        chosen: Any = meta['threshold'].get('threshold') if isinstance(meta['threshold'], dict) else None
        if type(chosen) not in (int, float) or not 0 <= chosen < 1:
            wrong = "its meta['threshold'] is no dict with a threshold from 0 to 1"
    wrong = wrong or next((text for name, tensor in state.items() if (text := _misfit(name, tensor))), None)
    if wrong:
        raise CheckpointError(f'{path} is no checkpoint of a training: {wrong}; give one as the training wrote it')


def read_trained(filename: str | os.PathLike[str]) -> dict[str, Any]:
    """:func:`read_checkpoint` of a file that must hold a trained model's ``state_dict``."""
    found = read_checkpoint(filename)
    check_checkpoint(found, filename)
    return found


def load_from_local(filename: str | os.PathLike[str], map_location: Any = None) -> dict[str, Any]:
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


def load_from_http(filename: str, map_location: Any = None, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Download a checkpoint into torch's cache, once for each address, and read it as :func:`load_from_local` does.

    What cannot be read is not kept.
    """
    path = kept_at(filename)
    if path.is_file():
        return load_from_local(path, map_location)
    temporary = temporary_beside(path)
    try:
        with told_as(CheckpointError):
            download(filename, temporary)
        found = load_from_local(temporary, map_location)
        os.replace(temporary, path)
        return found
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(temporary), filename)) from error
    finally:
        temporary.unlink(missing_ok=True)


def load_from_anywhere(filename: str | os.PathLike[str]) -> dict[str, Any]:
    """A checkpoint from a file or an http(s) address, as mmengine will read it."""
    address = str(filename)
    return load_from_http(address) if address.startswith(('http://', 'https://')) else load_from_local(filename)


def load_from_package(filename: str, map_location: Any = None) -> dict[str, Any]:
    """The checkpoint of a model that comes with the package, ``mmseg_fundus://contrast_unet``: what ``configs/metafile.yml`` names."""
    name = filename.removeprefix(BUNDLED)
    if name not in bundled_names():
        raise CheckpointError(
            f'no checkpoint of {name} comes with the package (there is one of {", ".join(bundled_names())}); name yours: weights=FILE'
        )
    return load_from_local(bundled(name)[1], map_location)


def load_from_elsewhere(filename: str, map_location: Any = None) -> NoReturn:
    """Refuse an address whose loader unpickles what it fetches."""
    raise CheckpointError(f'{filename}: checkpoints are read from files and http(s) addresses; download it and name the file')


def make_loading_safe() -> None:
    """Have mmengine read every checkpoint with the functions above, by whatever scheme; importing ``mmseg_fundus`` calls it."""
    annealing = [name for name in ('_annealing_cos', '_annealing_linear') if hasattr(OneCycleParamScheduler, name)]
    know_methods(OneCycleParamScheduler, *annealing)  # its states name one of them
    loader = mmengine_checkpoint.CheckpointLoader
    mmengine_checkpoint.load_from_local = load_from_local  # torchvision://, open-mmlab:// and the like end in one of these two
    mmengine_checkpoint.load_from_http = load_from_http
    loader.register_scheme('', load_from_local, force=True)
    loader.register_scheme(['http://', 'https://'], load_from_http, force=True)
    loader.register_scheme(BUNDLED, load_from_package, force=True)
    for prefix in [name for name in loader._schemes if any(word in name for word in ('s3', 'petrel', 'pavi'))]:
        loader.register_scheme(prefix, load_from_elsewhere, force=True)


def store_meta(path: str | Path, key: str, value: Any) -> None:
    """Keep what was found of a checkpoint in it, ``meta[key]``; the file is whole or as it was."""
    found = read_checkpoint(path)
    found['meta'] = {**(found.get('meta') or {}), key: value}
    write_checkpoint(Path(path).resolve(), found)

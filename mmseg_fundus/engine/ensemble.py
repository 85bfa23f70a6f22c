"""Several checkpoints as one: an ensemble in a file of its own, and the config that builds it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmseg.registry import MODELS

from ..components import component
from ..errors import CheckpointError, ConfigError, WriteError
from ..fileio.whole_files import remove_leftovers
from ..models.checkpoints import read_trained, write_checkpoint
from ..models.segmentors import VesselEnsemble, VesselSegmentor
from ..models.segmentors.members import OTHERS, members_of
from .data_roots import name_of
from .members import check_alike, members_in, merged_meta

FILE = 'ensemble.pth'  # in the work folder of a test of several checkpoints
Paths = str | Path | Sequence[str | Path]


def listed(checkpoints: Paths) -> list[str | Path]:
    """One checkpoint, or several, as a list; raises :class:`ConfigError` if there is none."""
    found = [checkpoints] if isinstance(checkpoints, (str, Path)) else list(checkpoints)
    if not found:
        raise ConfigError('no checkpoint was given; name a file, or several')
    return found


def read_model(checkpoints: Paths) -> dict[str, Any]:
    """The ``state_dict`` and ``meta`` of one checkpoint as it is, or of several as an ensemble, see :func:`merge_members`.

    Raises:
        CheckpointError: If a file cannot be read, or does not go with the others.
    """
    found = listed(checkpoints)
    return read_trained(found[0]) if len(found) == 1 else merge_members(found)


def merge_members(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Make one checkpoint of several: the encoder, or its fingerprint, once, and each one's neck and decode head.

    Args:
        paths (list): Checkpoints of one config, slim or full, ``.pth`` or ``.safetensors``; of one that is an ensemble itself, its
            members.

    Returns:
        dict: ``state_dict`` for a :class:`~mmseg_fundus.models.VesselEnsemble`; ``meta`` as :func:`.members.merged_meta` has it.

    Raises:
        CheckpointError: If a file cannot be read, there are fewer than two members, one is there twice, or two differ in encoder,
            normalisation, names or shapes; with the two files.
    """
    members = [member for path in paths for member in members_in(path)]
    if len(members) < 2:
        raise CheckpointError(f'an ensemble needs 2 checkpoints or more, {len(members)} was given: {", ".join(map(str, paths))}')
    check_alike(members)
    state = {**members[0].shared, **members[0].own}
    for number, member in enumerate(members[1:]):
        state.update({f'{OTHERS}.{number}.{name}': tensor for name, tensor in member.own.items()})
    return {'state_dict': state, 'meta': merged_meta(members)}


def one_file(checkpoints: Paths, folder: str | Path) -> str:
    """The file to load: of one checkpoint that itself, of several an ensemble that is written into ``folder``, whole or not at all.

    Every process of a test writes it: whatever one of them reads is whole.

    Raises:
        CheckpointError: See :func:`merge_members`; or if the file would replace one of the checkpoints.
        WriteError: If it cannot be written.
    """
    found, target = listed(checkpoints), Path(folder) / FILE
    if len(found) == 1:
        return str(found[0])
    if any(Path(path).exists() and target.exists() and Path(path).samefile(target) for path in found):
        raise CheckpointError(f'{target} is one of the checkpoints, and the ensemble would replace it; choose another --work-dir')
    merged = merge_members(found)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f'{target.parent} cannot be made ({error.strerror}); choose another --work-dir') from error
    remove_leftovers(target.parent)
    write_checkpoint(target, merged)
    return str(target)


def use_members(cfg: Config, found: dict[str, Any], checkpoint: object) -> int:
    """Have a config build the model that a checkpoint is of: an ensemble, if it holds several networks.

    Args:
        cfg (Config): Of :func:`.config.load_config`; ``model.type`` and ``model.members`` are set.
        found (dict): Of :func:`read_model`, or a bare state dict.
        checkpoint: The file, for messages.

    Returns:
        int: Members; 1 of a checkpoint that is no ensemble, whose config stays as it is.

    Raises:
        ConfigError: If the config's model is another one, or of another number of members.
    """
    members = members_of(found.get('state_dict', found))
    kind = component(cfg.model.get('type'), MODELS)
    asked = cfg.model.get('members') if kind is VesselEnsemble else None
    if asked is not None and asked != members:
        told = f'an ensemble of {members}' if members > 1 else 'one network'
        raise ConfigError(f'{checkpoint} holds {told}, the config has model.members={asked}; leave it out, model.type=VesselSegmentor')
    if members > 1:
        if kind not in (VesselSegmentor, VesselEnsemble):
            raise ConfigError(
                f'{checkpoint} holds an ensemble of {members}: only a VesselSegmentor is predicted that way, the config has '
                f'model.type={name_of(cfg.model, MODELS)}'
            )
        cfg.model['type'], cfg.model['members'] = VesselEnsemble.__name__, members
    return members

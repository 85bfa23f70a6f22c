"""Finding the data set that a command line names."""

import contextlib
from pathlib import Path

from mmengine.config import Config
from mmseg.registry import DATASETS

from ..components import component
from ..errors import ConfigError, DataError
from . import PUBLIC
from .vessel_dataset import FundusVesselDataset


def dataset_by_name(name: str, data_root=None, **settings) -> FundusVesselDataset:
    """A vessel data set, by the name of a public one, by the folder it lies in, or as a config's test data set.

    Args:
        name (str): ``DRIVE``, ``STARE``, ``CHASE_DB1``, ``HRF``, ``FIVES`` (any case, or the class name); a folder that holds one of
            them; or a config file.
        data_root (str, optional): The folder; ``data/<name>`` for a public set, the config's for a config.
        **settings: Arguments of the data set (``split``, ``observer``, ``fov`` ...), over the config's.

    Raises:
        ConfigError: If the name is none of these.
        DataError: If the data set cannot be read, or the folder holds none of the public ones.
    """
    kind = class_by_name(name)
    if kind:
        return kind(data_root or Path('data') / public_name(kind), **settings)
    if name.endswith('.py') and Path(name).is_file():
        try:
            arguments = dict(Config.fromfile(name).test_dataloader.dataset)
        except Exception as error:
            reason = f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
            raise ConfigError(f'{name} is no config with a test_dataloader ({reason})') from error
        found = component(arguments.pop('type', None), DATASETS)
        found = class_by_name(getattr(found, '__name__', ''))
        if not found:
            raise ConfigError(f'{name}: its test data set is not one of mmseg_fundus')
        arguments.pop('pipeline', None)
        return found(**{**arguments, **({'data_root': data_root} if data_root else {}), **settings})
    if Path(name).is_dir():
        return _recognise(Path(name))(name, **settings)
    raise ConfigError(f'{name!r} is no data set ({", ".join(PUBLIC)}), no folder and no config file')


def class_by_name(name: str):
    """Class of a public data set (or the plain one) by either name, or ``None``."""
    kinds = {**PUBLIC, **{kind.__name__: kind for kind in (*PUBLIC.values(), FundusVesselDataset)}}
    by_key = {_key(known): kind for known, kind in kinds.items()}
    return by_key.get(_key(name))


def public_name(kind) -> str:
    """``DRIVE`` for ``DRIVEVesselDataset``."""
    return next((name for name, found in PUBLIC.items() if found is kind), kind.__name__)


def _key(name: str) -> str:
    return name.lower().replace('_', '').replace('-', '')


def _recognise(folder: Path):
    """Class of the public data set that lies in a folder."""
    found = []
    for kind in PUBLIC.values():
        for part in ('training', 'test'):
            with contextlib.suppress(DataError):
                kind(folder, 'test' if part == 'test' else 'trainval', verify=False)
                found.append(kind)
                break
    if len(found) != 1:
        raise DataError(
            f'{folder} could be {" or ".join(public_name(kind) for kind in found)}; say which, with --data-root {folder}'
            if found
            else f'{folder} holds none of {", ".join(PUBLIC)}; name the data set to see why, e.g. DRIVE --data-root {folder}'
        )
    return found[0]

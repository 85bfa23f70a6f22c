"""Finding the data set that a command line or a record of results names."""

import contextlib
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS as ALL_DATASETS
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from ..components import component
from ..errors import ConfigError, DataError
from .fundus_vessels import FundusVessels
from .public_sets import data_set_of, public_sets
from .sources import known_sources, source_class
from .vessel_dataset import OF_SOURCE, FundusPhotographsDataset, FundusVesselDataset


def dataset_by_name(name: str, data_root: str | Path | None = None, **settings: Any) -> BaseDataset:
    """A data set, by the name of a public one, by the folder it lies in, or as a config's test data set.

    Args:
        name (str): Of a known source, ``DRIVE`` ... (any case, or the class name); a folder that holds one of them; or a config file,
            whose test data set may be of any registered class.
        data_root (str, optional): The folder; ``data/<name>`` for a public set, the config's for a config.
        **settings: Arguments of a vessel data set (``split``, ``observer``, ``fov`` ...), over the config's.

    Raises:
        ConfigError: If the name is none of these, or the data set takes no such settings.
        DataError: If the data set cannot be read, or the folder holds none of the public ones.
    """
    kind = class_by_name(name)
    if kind and kind not in (FundusVessels, FundusPhotographsDataset):  # which are not made of a folder alone
        return kind(data_root or Path('data') / public_name(kind), **settings)
    if name.endswith('.py') and Path(name).is_file():
        return config_dataset(name, data_root, **settings)
    if Path(name).is_dir():
        return _recognise(Path(name))(name, **settings)
    raise ConfigError(f'{name!r} is no data set ({", ".join(known_sources())}), no folder and no config file')


def config_dataset(config: str | Path, data_root: str | Path | None = None, **settings: Any) -> BaseDataset:
    """The test data set of a config file, which is run, with what it imports (``custom_imports``); see :func:`dataset_by_name`."""
    try:
        cfg = Config.fromfile(str(config))
        arguments = cfg.test_dataloader.dataset.to_dict()
    except Exception as error:
        reason = f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
        raise ConfigError(f'{config} is no config with a test_dataloader ({reason})') from error
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    if data_root:
        _put_root(arguments, str(data_root))
    named = arguments['type']
    kind = component(named, DATASETS) or class_by_name(named)
    if isinstance(kind, type) and issubclass(kind, FundusVessels):
        for key in ('type', 'pipeline'):
            arguments.pop(key, None)
        if 'source' in arguments:
            of_sources = {key: settings.pop(key) for key in OF_SOURCE if key in settings}
            given = arguments['source']
            joined = isinstance(given, (list, tuple))
            changed = [{**one, **of_sources} for one in (given if joined else [given])]
            arguments['source'] = changed if joined else changed[0]
        return kind(**{**arguments, **settings})
    wanted = [f'--{key}' for key, value in settings.items() if key != 'verify']
    if wanted:
        raise ConfigError(
            f'{config}: its test data set, {getattr(named, "__name__", named)}, is no vessel data set and takes no {wanted[0]}'
        )
    try:
        return DATASETS.build(arguments)
    except (KeyError, TypeError, AttributeError, AssertionError, FileNotFoundError) as error:
        reason = f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
        raise ConfigError(f'{config}: its test data set cannot be made ({reason})') from error


def _put_root(arguments: dict[str, Any], root: str) -> None:
    sources = arguments.get('source')
    if isinstance(sources, (list, tuple)) and len(sources) > 1:
        raise ConfigError(f'--data-root {root}: the config reads several data sets, of which one folder cannot hold all')
    if sources:
        (sources[0] if isinstance(sources, (list, tuple)) else sources)['root'] = root
    else:
        arguments['data_root'] = root


def class_by_name(name: str) -> type[Any] | None:
    """Class of the data set of a known source (or of plain folders) by either name, of another that is registered, or ``None``.

    Each takes arguments of its own.  Nothing is imported: the name may come from a file that nobody vouches for.
    """
    source = source_class(name)
    if source:
        return data_set_of(source)  # type: ignore[arg-type]  # a class is hashable
    registered = registered_class(name)
    return registered if registered and issubclass(registered, FundusVessels) else None


def registered_class(name: str) -> type | None:
    """Class of any data set that is registered under a name, with or without its scope, or ``None``; nothing is imported."""
    found = next(
        (
            kinds.module_dict[key]
            for kinds in (DATASETS, ALL_DATASETS)
            for key in (name, name.removeprefix('mmseg.'))
            if key in kinds.module_dict
        ),
        None,
    )
    return found if isinstance(found, type) else None


def public_name(kind: type) -> str:
    """``DRIVE`` for ``DRIVEVesselDataset``; another class's own name."""
    return next((name for name, found in public_sets().items() if found is kind), kind.__name__)


def _recognise(folder: Path) -> type[FundusVesselDataset]:
    """Class of the public data set that lies in a folder."""
    found = []
    for kind in public_sets().values():
        for part in ('training', 'test'):
            with contextlib.suppress(DataError):
                kind(folder, 'test' if part == 'test' else 'trainval', verify=False)
                found.append(kind)
                break
    if len(found) != 1:
        raise DataError(
            f'{folder} could be {" or ".join(public_name(kind) for kind in found)}; say which, with --data-root {folder}'
            if found
            else f'{folder} holds none of {", ".join(known_sources())}; name the data set to see why, e.g. DRIVE --data-root {folder}'
        )
    return found[0]

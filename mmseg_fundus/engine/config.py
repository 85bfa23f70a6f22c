"""Loading a config file, with the short options of the tools, and refusing keys that would do nothing."""

import inspect
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS

from ..components import component, is_a
from ..datasets import FundusVesselDataset, FundusVessels
from ..datasets.by_name import class_by_name, registered_class
from ..datasets.public_sets import public_sets
from ..datasets.sources import known_sources
from ..errors import ConfigError
from ..fileio.whole_files import FULL
from ..models.segmentors import VesselSegmentor
from ..named_files import find_config
from .data_roots import SPLITS, leaves, name_of, roots, set_data_root
from .encoder_config import encoder_config, set_weights_file
from .spelling import MMENGINE_HOOKS, check_spelling
from .whole_config import WholeConfig

DATALOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# top-level names that mmengine and mmseg look at beside the runner's arguments
_KNOWN = {
    *(name for name in inspect.signature(Runner.__init__).parameters if name != 'self'),
    *('custom_imports', 'find_unused_parameters', 'sync_bn', 'model_wrapper_cfg', 'runner_type', 'tta_model', 'tta_pipeline'),
    *('train_pipeline', 'val_pipeline', 'test_pipeline', 'log_level', 'vis_backends', 'data_preprocessor', 'dataset_type', 'crop_size'),
    *('compile', 'activation_checkpointing', 'efficient_conv_bn_eval'),
}
# of these a misspelt one that holds no dict would do nothing, and nobody would notice
_SETTINGS = (
    *('load_from', 'resume', 'work_dir', 'log_level', 'launcher', 'default_scope', 'experiment_name'),
    *('find_unused_parameters', 'sync_bn'),
)


def load_config(
    path: str | Path,
    options: dict[str, Any] | None = None,
    work_dir: str | None = None,
    data_root: str | Path | None = None,
    weights: str | None = None,
    splits: Sequence[str] = SPLITS,
) -> Config:
    """Read a config file and apply command line options to it.

    Args:
        path (str | Path): The config.
        options (dict, optional): ``--cfg-options``, dotted keys.
        work_dir (str, optional): Output folder; ``work_dirs/<config name>`` if neither this nor the config names one.
        data_root (str, optional): Folder of the data set, see :func:`.data_roots.set_data_root`.
        weights (str, optional): Encoder weights file, for ``model.backbone.weights``.
        splits (Sequence[str]): Whose data set ``data_root`` is; the others follow where they read the same folder.

    Raises:
        ConfigError: If the file is missing or broken, a key is misspelt, or an option does not fit the config.
    """
    path = find_config(path)
    cfg = _read(path)
    options = options or {}
    _check_options(cfg, options)
    try:
        cfg.merge_from_dict(options)
    except (KeyError, TypeError) as error:
        raise ConfigError(f'--cfg-options: {" ".join(str(error.args[0]).split())[:300]}') from error
    _check_names(cfg, path)
    leaves(cfg)
    check_spelling(cfg, str(path), options)
    for name in [name for name, hook in (cfg.get('default_hooks') or {}).items() if hook is None and name not in MMENGINE_HOOKS]:
        cfg.default_hooks.pop(name)  # turned off, which mmengine knows of its own hooks alone
    if data_root is not None:
        set_data_root(cfg, data_root, splits)
    if weights is not None:
        encoder = encoder_config(cfg)
        if encoder is None:
            found = (cfg.get('model') or {}).get('backbone') or {}
            raise ConfigError(f'--weights: the backbone of {path.name}, {found.get("type")}, takes no weights file this way')
        set_weights_file(encoder, weights)
    for loader in DATALOADERS:
        if cfg.get(loader) and cfg[loader].get('num_workers') == 0 and cfg[loader].get('persistent_workers'):
            cfg[loader].persistent_workers = False  # torch refuses to keep no workers alive
    cfg.work_dir = work_dir or cfg.get('work_dir') or str(Path('work_dirs') / path.stem)
    return cfg


def _read(path: Path) -> Config:
    try:
        cfg = WholeConfig.of(Config.fromfile(str(path)))
        list(cfg.items())  # builds what a pure-Python config imports
        return cfg
    except Exception as error:  # a config is code
        if getattr(error, 'errno', None) in FULL:  # mmengine's copy of it, in the temporary folder
            raise
        first = _first_import(error)
        hint = f'; add the folder of {first.name} to PYTHONPATH' if isinstance(first, ModuleNotFoundError) else ''
        reason = ' '.join(str(first).split())[:500]
        raise ConfigError(f'{path} cannot be read as a config: {type(first).__name__}: {reason}{hint}') from error


def _first_import(error: Exception) -> Exception:
    """The import that failed first: mmengine says which module was asked for, not why it cannot be imported."""
    inner = error.__cause__ or error.__context__
    return _first_import(inner) if isinstance(error, ImportError) and isinstance(inner, ImportError) else error


def check_loaders(cfg: Config, splits: Sequence[str]) -> None:
    """Raise :class:`ConfigError` if a config, such as one of pretraining, has no data of one of the ``splits``."""
    for split in splits:
        if not cfg.get(f'{split}_dataloader'):
            hint = '' if split == 'train' else '; a pretraining has tools/train.py and tools/check_setup.py alone'
            raise ConfigError(f'{cfg.filename} has no {split}_dataloader, which this tool needs{hint}')


def check_prediction_options(cfg: Config, options: dict[str, Any]) -> None:
    """Raise :class:`ConfigError` if an option sets ``model.test_cfg`` of a model that does not read it.

    Args:
        cfg (Config): The config.
        options (dict): Option, as it is called, to its value; those that are ``None`` or ``False`` were not given.
    """
    given = [name for name, value in options.items() if value not in (None, False)]
    if given and not is_a(cfg.get('model'), VesselSegmentor, MODELS):
        raise ConfigError(
            f'{given[0]}: only a VesselSegmentor is predicted that way, the config has model.type={name_of(cfg.model, MODELS)}'
        )


def use_dataset(cfg: Config, name: str, data_root: str | Path | None = None) -> None:
    """Have a config test on the test pictures of another data set, read and predicted as it reads and predicts its own.

    Args:
        cfg (Config): With a ``test_dataloader``.
        name (str): Of a known source, ``DRIVE`` ... in any case; or a class or source that the config's ``custom_imports`` registered.
        data_root (str, optional): Its folder; ``data/<name>`` for a known source.

    Raises:
        ConfigError: If there is no such data set, or its folder is not known.
    """
    kind = class_by_name(name) or registered_class(name)
    if kind in (None, FundusVesselDataset, FundusVessels):
        raise ConfigError(
            f"--dataset {name}: unknown, use one of {', '.join(known_sources())}, or a class that the config's custom_imports registers in "
            'mmseg.registry.DATASETS'
        )
    kept = {key: value for key, value in cfg.test_dataloader.dataset.items() if key in ('pipeline', 'test_mode')}
    if issubclass(kind, FundusVessels):
        kept['split'] = 'test'
    source = next((known_sources()[name] for name, found in public_sets().items() if kind is found), None)
    if source and component(kind.__name__, DATASETS) is not kind:  # known as a source alone
        folder = {'root': str(data_root)} if data_root else {}
        cfg.test_dataloader.dataset = dict(type='FundusVessels', source=dict(type=source.name, **folder), **kept)
        return
    if data_root:
        kept['data_root'] = str(data_root)
    elif source:
        kept['data_root'] = str(Path('data') / source.name)
    elif inspect.signature(kind).parameters['data_root'].default in (None, inspect.Parameter.empty):
        raise ConfigError(f'--dataset {name}: name its folder with --data-root DIR')
    cfg.test_dataloader.dataset = dict(type=kind.__name__, **kept)


def _check_options(cfg: Config, options: dict[str, Any]) -> None:
    for dotted in options:
        first, *rest = dotted.split('.')
        if first not in cfg and first not in _KNOWN:
            raise ConfigError(f'--cfg-options: the config has no {first!r}{_suggest(dotted.split(".")[-1], [*cfg, *_KNOWN], first)}')
        node = cfg.get(first)
        for i, key in enumerate(rest):
            if isinstance(node, dict) and key not in node and i < len(rest) - 1 and 'type' not in node and node:
                raise ConfigError(f'--cfg-options {dotted}: no {key!r} in {".".join([first, *rest[:i]])}{_suggest(key, node)}')
            if isinstance(node, (list, tuple)) and not (key.isdigit() and int(key) < len(node)):
                place = '.'.join([first, *rest[:i]])
                raise ConfigError(f'--cfg-options {dotted}: {place} is a list of {len(node)}, where a number from 0 on was expected')
            node = node[int(key)] if isinstance(node, (list, tuple)) else node.get(key) if isinstance(node, dict) else None


def _check_names(cfg: Config, path: Path) -> None:
    """Refuse top-level names of a config that look like a misspelling, or a data root that no data set reads."""
    for name, value in cfg.items():
        if name in _KNOWN:
            continue
        if get_close_matches(name.replace('_', ''), ['dataroot'], cutoff=0.8):
            if not any(str(one.path).startswith(str(value)) for one in roots(cfg)):
                raise ConfigError(
                    f'{path}: the top-level {name} = {value!r} has no effect. Set data_root in the dataset of train_dataloader, '
                    'val_dataloader and test_dataloader, or use --data-root'
                )
        elif get_close_matches(name, _KNOWN if isinstance(value, (dict, list)) else _SETTINGS, n=1, cutoff=0.85):
            raise ConfigError(f'{path}: unknown top-level name {name!r}{_suggest(name, _KNOWN)}')


def _suggest(name: str, known: Iterable[str], first: str | None = None) -> str:
    if get_close_matches(name.replace('_', ''), ['dataroot'], cutoff=0.8):
        return '; the folder of the data set is train_dataloader.dataset.data_root (also val_, test_), or --data-root for all three'
    close = get_close_matches(first or name, list(known), n=1)
    return f'; did you mean {close[0]!r}?' if close else ''

"""Loading a config file, with the short options of the tools, and refusing keys that would do nothing."""

import inspect
from difflib import get_close_matches
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.runner import Runner

from ..datasets import PUBLIC, FundusVesselDataset
from ..datasets.by_name import class_by_name, public_name, registered_class
from ..errors import ConfigError
from ..files import FULL

DATALOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# top-level names that mmengine and mmseg look at beside the runner's arguments
_KNOWN = {
    *(name for name in inspect.signature(Runner.__init__).parameters if name != 'self'),
    *('custom_imports', 'find_unused_parameters', 'sync_bn', 'model_wrapper_cfg', 'runner_type', 'tta_model', 'tta_pipeline'),
    *('train_pipeline', 'val_pipeline', 'test_pipeline', 'log_level', 'vis_backends', 'data_preprocessor', 'dataset_type', 'crop_size'),
}


def load_config(path, options: dict | None = None, work_dir=None, data_root=None, weights=None) -> Config:
    """Read a config file and apply command line options to it.

    Args:
        path (str | Path): The config.
        options (dict, optional): ``--cfg-options``, dotted keys.
        work_dir (str, optional): Output folder; ``work_dirs/<config name>`` if neither this nor the config names one.
        data_root (str, optional): Folder of the data set, for training, validation and test alike.
        weights (str, optional): Encoder weights file, for ``model.backbone.weights``.

    Raises:
        ConfigError: If the file is missing or broken, or a key is misspelt.
    """
    path = Path(path)
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob('*.py')) if path.parent.is_dir() else []
        close = get_close_matches(path.name, beside, n=1)
        raise ConfigError(f'config file not found: {path.absolute()}' + (f'; did you mean {close[0]}?' if close else ''))
    try:
        cfg = Config.fromfile(str(path))
    except (SyntaxError, NameError, KeyError, FileNotFoundError, ImportError, TypeError, OSError) as error:
        if getattr(error, 'errno', None) in FULL:  # mmengine's copy of it, in the temporary folder
            raise
        raise ConfigError(f'{path} cannot be read as a config: {type(error).__name__}: {error}') from error
    _check_options(cfg, options or {})
    cfg.merge_from_dict(options or {})
    _check_names(cfg, path)
    if data_root is not None:
        _set_data_root(cfg, data_root)
    if weights is not None:
        if 'weights' not in cfg.model.backbone:
            raise ConfigError(f'--weights: the backbone of {path.name}, {cfg.model.backbone.type}, takes no weights file this way')
        cfg.model.backbone.weights = weights
    for loader in DATALOADERS:
        if cfg.get(loader) and cfg[loader].get('num_workers') == 0 and cfg[loader].get('persistent_workers'):
            cfg[loader].persistent_workers = False  # torch refuses to keep no workers alive
    cfg.work_dir = work_dir or cfg.get('work_dir') or str(Path('work_dirs') / path.stem)
    return cfg


def check_loaders(cfg: Config, splits) -> None:
    """Raise :class:`ConfigError` if a config, such as one of pretraining, has no data of one of the ``splits``."""
    for split in splits:
        if not cfg.get(f'{split}_dataloader'):
            raise ConfigError(f'{cfg.filename} has no {split}_dataloader, which this tool needs; a pretraining has tools/train.py alone')


def use_dataset(cfg: Config, name: str, data_root=None) -> None:
    """Have a config test on the test pictures of another data set, read and predicted as it reads and predicts its own.

    Args:
        cfg (Config): With a ``test_dataloader``.
        name (str): ``DRIVE``, ``STARE``, ``CHASE_DB1``, ``HRF``, ``FIVES`` in any case; or a class that the config's
            ``custom_imports`` registered.
        data_root (str, optional): Its folder; ``data/<name>`` for a public set.

    Raises:
        ConfigError: If there is no such data set, or its folder is not known.
    """
    kind = class_by_name(name) or registered_class(name)
    if kind in (None, FundusVesselDataset):
        raise ConfigError(
            f"--dataset {name}: unknown, use one of {', '.join(PUBLIC)}, or a class that the config's custom_imports registers in "
            'mmseg.registry.DATASETS'
        )
    kept = {key: value for key, value in cfg.test_dataloader.dataset.items() if key in ('pipeline', 'test_mode')}
    if issubclass(kind, FundusVesselDataset):
        kept['split'] = 'test'
    if data_root or kind in PUBLIC.values():
        kept['data_root'] = str(data_root or Path('data') / public_name(kind))
    elif inspect.signature(kind).parameters['data_root'].default in (None, inspect.Parameter.empty):
        raise ConfigError(f'--dataset {name}: name its folder with --data-root DIR')
    cfg.test_dataloader.dataset = dict(type=kind.__name__, **kept)


def _check_options(cfg: Config, options: dict) -> None:
    for dotted in options:
        first, *rest = dotted.split('.')
        if first not in cfg and first not in _KNOWN:
            raise ConfigError(f'--cfg-options: the config has no {first!r}{_suggest(dotted.split(".")[-1], [*cfg, *_KNOWN], first)}')
        node = cfg.get(first)
        for i, key in enumerate(rest):
            if isinstance(node, dict) and key not in node and i < len(rest) - 1 and 'type' not in node and node:
                raise ConfigError(f'--cfg-options {dotted}: no {key!r} in {".".join([first, *rest[:i]])}{_suggest(key, node)}')
            node = node.get(key) if isinstance(node, dict) else None


def _check_names(cfg: Config, path: Path) -> None:
    """Refuse top-level names of a config that look like a misspelling, or a data root that no data set reads."""
    for name, value in cfg.items():
        if name in _KNOWN:
            continue
        if get_close_matches(name.replace('_', ''), ['dataroot'], cutoff=0.8):
            if value not in {_first_data_root(cfg.get(loader)) for loader in DATALOADERS}:
                raise ConfigError(
                    f'{path}: the top-level {name} = {value!r} has no effect. Set data_root in the dataset of train_dataloader, '
                    'val_dataloader and test_dataloader, or use --data-root'
                )
        elif get_close_matches(name, _KNOWN, n=1, cutoff=0.85) and isinstance(value, (dict, list)):
            raise ConfigError(f'{path}: unknown top-level name {name!r}{_suggest(name, _KNOWN)}')


def _suggest(name: str, known, first: str | None = None) -> str:
    if get_close_matches(name.replace('_', ''), ['dataroot'], cutoff=0.8):
        return '; the folder of the data set is train_dataloader.dataset.data_root (also val_, test_), or --data-root for all three'
    close = get_close_matches(first or name, list(known), n=1)
    return f'; did you mean {close[0]!r}?' if close else ''


def _first_data_root(loader):
    node = loader.get('dataset') if isinstance(loader, dict) else None
    while isinstance(node, dict) and 'data_root' not in node:
        node = node.get('dataset')
    return node.get('data_root') if isinstance(node, dict) else None


def _set_data_root(cfg: Config, data_root) -> None:
    def visit(node) -> int:
        if isinstance(node, (list, tuple)):
            return sum(visit(item) for item in node)
        if not isinstance(node, (dict, ConfigDict)):
            return 0
        if 'data_root' in node:
            node['data_root'] = str(data_root)
            return 1
        return sum(visit(value) for key, value in node.items() if key in ('dataset', 'datasets'))

    if not sum(visit(cfg.get(loader)) for loader in DATALOADERS):
        raise ConfigError('--data-root: no data set of this config has a data_root')

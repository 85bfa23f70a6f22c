"""Configs that come with the package, by name: ``setr_mla_vitb16_frozen.py``, ``ablation/base.py``.

They lie in ``.mim`` in the package's folder, as in OpenMMLab's packages: files in a wheel (setup.py), links in a checkout.
"""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .errors import ConfigError

PACKAGE = Path(__file__).resolve().parent
NAME = PACKAGE.name
SHIPPED = PACKAGE / '.mim' if (PACKAGE / '.mim' / 'configs').is_dir() else PACKAGE.parent  # where links cannot be: the checkout itself
CONFIGS = (SHIPPED / 'configs').resolve()
PREFIX = f'{NAME}::'


def config_names() -> list[str]:
    """All of them, those that others inherit from too."""
    found = (path.relative_to(CONFIGS) for path in CONFIGS.rglob('*.py'))
    return sorted(path.as_posix() for path in found if 'work_dirs' not in path.parts)  # what was trained in a checkout's folder


def shipped_config(name: str | os.PathLike[str]) -> Path | None:
    """File of a config; ``None`` if none of that name comes with the package.

    Args:
        name (str | Path): Seen from the folder of configs, or with that one's name before it (``configs/ablation/base.py``); ``.py`` may be
            left out.
    """
    return CONFIGS / _whole(name) if _whole(name) in config_names() else None


def close_name(name: str | os.PathLike[str]) -> str:
    """Name of the config that may be meant; '' if none is near."""
    return next(iter(get_close_matches(_whole(name), config_names(), n=1)), '')


def _whole(name: str | os.PathLike[str]) -> str:
    return f'{Path(name).as_posix().removeprefix("configs/").removesuffix(".py")}.py'


def config_of(reference: str) -> Path:
    """File of a config that is named ``mmseg_fundus::NAME.py``.

    Raises:
        ConfigError: If none of that name comes with the package.
    """
    name = reference.removeprefix(PREFIX)
    found = shipped_config(name)
    if found is None:
        close = close_name(name)
        hint = f'; did you mean {PREFIX}{close}?' if close else ''
        raise ConfigError(f'{reference}: no config of that name comes with {NAME}{hint}')
    return found


def name_configs() -> None:
    """Have mmengine find these configs: as ``_base_``, by ``mmengine.hub`` and by the inferencers.

    mmengine's own way asks for a folder in a name, and looks the package up among what is installed, which may be another copy of it than
    the one that is imported.
    """
    from mmengine.config import Config
    from mmengine.config.utils import MODULE2PACKAGE
    from mmengine.hub import hub
    from mmengine.infer import BaseInferencer

    MODULE2PACKAGE[NAME] = NAME
    base, split, installed = Config._get_cfg_path, hub._get_package_and_cfg_path, hub.get_installed_path
    models, folder_of = BaseInferencer._get_models_from_metafile, BaseInferencer._get_repo_or_mim_dir

    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        """Of a ``_base_``; no scope: these configs are of mmseg's."""
        return (str(config_of(cfg_path)), None) if cfg_path.startswith(PREFIX) else base(cfg_path, filename)

    def get_package_and_cfg_path(cfg_path: str) -> tuple[str, str]:
        if not cfg_path.startswith(PREFIX):
            return split(cfg_path)
        return NAME, config_of(cfg_path).relative_to(CONFIGS).as_posix()

    def get_installed_path(package: str) -> str:
        return str(PACKAGE) if package == NAME else installed(package)

    def get_models_from_metafile(folder: str) -> Iterator[dict[str, Any]]:
        """Ours, then those of mmseg, which take long to read: ``MMSegInferencer('contrast_unet')``."""
        if folder == folder_of('mmseg'):
            yield from ({**model, 'Config': str(SHIPPED / model['Config'])} for model in models(str(SHIPPED)))
        yield from models(folder)

    Config._get_cfg_path = staticmethod(get_cfg_path)
    hub._get_package_and_cfg_path, hub.get_installed_path = get_package_and_cfg_path, get_installed_path
    BaseInferencer._get_models_from_metafile = staticmethod(get_models_from_metafile)

"""Models that come with the package: a config, a checkpoint and a card each, no other file needed."""

from pathlib import Path

from ..errors import ConfigError

BUNDLED = 'contrast_unet'
_FOLDER = Path(__file__).resolve().parent


def bundled_names() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob('*.safetensors'))


def bundled(name: str = BUNDLED) -> tuple[Path, Path]:
    """Config and checkpoint of a model that comes with the package; its card lies beside them (``.md``).

    Raises:
        ConfigError: If there is none of that name.

    Example:
        >>> bundled()[0].name
        'contrast_unet.py'
    """
    if name not in bundled_names():
        raise ConfigError(
            f'no model {name} comes with the package (there is {", ".join(bundled_names())}); one of yours is a config and its checkpoint'
        )
    return _FOLDER / f'{name}.py', _FOLDER / f'{name}.safetensors'

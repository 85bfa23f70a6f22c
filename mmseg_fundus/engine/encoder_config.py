from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS
from torch import nn

from ..components import takes
from ..models.encoders.frozen import FrozenEncoder


def encoder_config(cfg: Config) -> ConfigDict | None:
    """The part of ``model.backbone`` that describes the encoder: the backbone, or what a wrapper has (``LoRAModel(module=...)``).

    Args:
        cfg (Config): A config.

    Returns:
        ConfigDict | None: Where ``weights`` belongs; ``None`` if nothing there takes them.
    """
    model = cfg.get('model')
    waiting = [model.get('backbone')] if isinstance(model, dict) else []
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, dict):
            if 'weights' in node or takes(node, 'weights', MODELS):
                return node
            waiting += node.values()
    return None


def weights_file(encoder: dict[str, Any] | None) -> str | None:
    """The file that an encoder's config names in ``weights``, written as its name or as ``dict(file=...)``."""
    named = (encoder or {}).get('weights')
    return named.get('file') if isinstance(named, dict) else named


def set_weights_file(encoder: dict[str, Any], file: str) -> None:
    """Name another file; which branch of it is read, and whether it may be unpickled, stays."""
    named = encoder.get('weights')
    encoder['weights'] = {**named, 'file': file} if isinstance(named, dict) else file


def options_without_file(encoder: Mapping[str, Any], backbone: nn.Module) -> list[str]:
    """``--cfg-options`` with which the config of an encoder that its file decides builds the same network without that file.

    Args:
        encoder (Mapping): See :func:`encoder_config`.
        backbone (nn.Module): Built from it.

    Returns:
        list[str]: ``model.backbone.model=...`` and the like; empty if the config has all that is needed.
    """
    decided = encoder.get('arch') is not None or encoder.get('model') is not None
    found = {} if decided or not isinstance(backbone, FrozenEncoder) else backbone.without_file()
    return [f'model.backbone.{name}={value}' for name, value in _flat(found) if encoder.get(name) != value]


def _flat(settings: Mapping[str, Any], before: str = '') -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f'{before}{name}.')
        else:
            yield f'{before}{name}', value


def forbid_unsafe(encoder: dict[str, Any]) -> None:
    """Take back that the weights file may be unpickled without restrictions."""
    for place in (encoder, encoder.get('weights')):
        if isinstance(place, dict) and place.get('allow_unsafe'):
            place['allow_unsafe'] = False

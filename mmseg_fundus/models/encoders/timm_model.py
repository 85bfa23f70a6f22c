"""ViTs out of timm, by name: without a head, for pictures of any size, untrained."""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ...errors import ConfigError
from .vit import Shapes

_OURS = {'num_classes': 0, 'global_pool': '', 'dynamic_img_size': True}
_NOT_TAKEN = {'num_classes', 'dynamic_img_size', 'pretrained', 'pretrained_cfg', 'checkpoint_path', 'features_only', 'in_chans'}
_KINDS = {'vision_transformer.VisionTransformer', 'eva.Eva'}


def _timm() -> Any:
    try:
        return importlib.import_module('timm')
    except ImportError as error:
        raise ConfigError(f'this encoder is built by timm, which cannot be imported ({error}): pip install timm') from error


def timm_version() -> str:
    """Version of the timm that builds encoders here."""
    return str(_timm().__version__)


def timm_model(name: str, options: Mapping[str, Any] | None = None, device: str = 'cpu') -> nn.Module:
    """One of timm's plain ViTs (``VisionTransformer``) or ViTs with rotary positions (``Eva``, DINOv3 among them).

    Args:
        name (str): timm's, such as ``'vit_base_patch16_dinov3'``.
        options (Mapping, optional): What ``timm.create_model`` takes beside it: ``img_size``, ``embed_dim``, ``init_values``, ...
        device (str): ``'meta'`` for names and shapes alone, in no time.

    Raises:
        ConfigError: If timm is missing, does not know the model or an option, or if it is no such ViT.
    """
    timm, options = _timm(), dict(options or {})
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models('*vit*'), 3, 0.6)
        raise ConfigError(
            f'timm {timm.__version__} has no model {name!r}{", it has " + ", ".join(near) if near else ""}; look at '
            "timm.list_models('vit*'), or install another version of timm"
        )
    for option in options:
        if option in _NOT_TAKEN or option.endswith('drop_rate'):
            raise ConfigError(
                f'options of a timm encoder cannot have {option!r}: it is frozen, has no head, and its weights are checked here'
            )
    try:
        with torch.device(device):
            model = timm.create_model(name, pretrained=False, **{**_OURS, **options})
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise ConfigError(f'timm cannot build {name!r} with options {options}: {" ".join(str(error).split())[:300]}') from error
    kind = f'{type(model).__module__}.{type(model).__qualname__}'.removeprefix('timm.models.')
    if kind not in _KINDS:
        raise ConfigError(f"timm's {name!r} is a {type(model).__name__}; encoders here are its VisionTransformer and Eva models")
    return model


def timm_shapes(name: str, options: Mapping[str, Any] | None = None) -> Shapes:
    """Names and shapes of the tensors of :func:`timm_model`; same arguments and errors."""
    return {key: tuple(tensor.shape) for key, tensor in timm_model(name, options, 'meta').state_dict().items()}

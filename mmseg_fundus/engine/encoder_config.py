from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS

from ..models.backbones import FrozenVisionTransformer


def encoder_config(cfg: Config) -> ConfigDict | None:
    """The part of ``model.backbone`` that describes the encoder: the backbone, or what a wrapper has (``LoRAModel(module=...)``).

    Args:
        cfg (Config): A config.

    Returns:
        ConfigDict | None: Where ``weights`` belongs; ``None`` if nothing there takes them.
    """
    waiting = [cfg.model.get('backbone')]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, dict):
            if 'weights' in node or is_frozen_vit(node):
                return node
            waiting += node.values()
    return None


def is_frozen_vit(node: dict) -> bool:
    """Whether a part of a config builds a ``FrozenVisionTransformer``, named or given as the class."""
    kind = node.get('type')
    return (MODELS.get(kind) if isinstance(kind, str) else kind) is FrozenVisionTransformer

from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS

from ..components import takes


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

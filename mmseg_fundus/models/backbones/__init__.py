from .foundation import FoundationEncoder
from .frozen_timm import FrozenTimmEncoder
from .frozen_vit import FrozenVisionTransformer
from .no_encoder import NoEncoder

__all__ = ['FoundationEncoder', 'FrozenTimmEncoder', 'FrozenVisionTransformer', 'NoEncoder']

from .foundation import FoundationEncoder
from .frozen_timm import FrozenTimmEncoder
from .frozen_vit import FrozenVisionTransformer

__all__ = ['FoundationEncoder', 'FrozenTimmEncoder', 'FrozenVisionTransformer']

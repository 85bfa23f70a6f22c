from .config import load_config
from .distributed import prepare_launcher
from .overlay_hook import VesselOverlayHook
from .trainable_constructor import TrainableOptimWrapperConstructor

__all__ = ['TrainableOptimWrapperConstructor', 'VesselOverlayHook', 'load_config', 'prepare_launcher']

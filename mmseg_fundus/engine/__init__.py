from .checkpoint_hook import VesselCheckpointHook
from .config import load_config
from .distributed import prepare_launcher
from .encoder_hook import SaveEncoderHook
from .epoch_seed_hook import EpochSeedHook
from .feature_cache_hook import FeatureCacheHook
from .finite_loss_hook import FiniteLossHook
from .loss_check_hook import LossCheckHook
from .overlay_hook import VesselOverlayHook
from .results_hook import ResultsHook
from .trainable_constructor import TrainableOptimWrapperConstructor

__all__ = [
    'EpochSeedHook',
    'FeatureCacheHook',
    'FiniteLossHook',
    'LossCheckHook',
    'ResultsHook',
    'SaveEncoderHook',
    'TrainableOptimWrapperConstructor',
    'VesselCheckpointHook',
    'VesselOverlayHook',
    'load_config',
    'prepare_launcher',
]

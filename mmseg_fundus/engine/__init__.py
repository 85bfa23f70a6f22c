from .batch_norm_hook import BatchNormHook
from .checkpoint_hook import VesselCheckpointHook
from .config import load_config
from .distributed import prepare_launcher
from .encoder_hook import SaveEncoderHook
from .epoch_seed_hook import EpochSeedHook
from .faded_layers_hook import FadedLayersHook
from .feature_cache_hook import FeatureCacheHook
from .finite_loss_hook import FiniteLossHook
from .loss_check_hook import LossCheckHook
from .metric_rules import register_rules
from .overlay_hook import VesselOverlayHook
from .picture_names_hook import PictureNamesHook
from .results_hook import ResultsHook
from .trainable_constructor import TrainableOptimWrapperConstructor
from .trained_parameters_hook import TrainedParametersHook

register_rules()

__all__ = [
    'BatchNormHook',
    'EpochSeedHook',
    'FadedLayersHook',
    'FeatureCacheHook',
    'FiniteLossHook',
    'PictureNamesHook',
    'LossCheckHook',
    'ResultsHook',
    'SaveEncoderHook',
    'TrainableOptimWrapperConstructor',
    'TrainedParametersHook',
    'VesselCheckpointHook',
    'VesselOverlayHook',
    'load_config',
    'prepare_launcher',
]

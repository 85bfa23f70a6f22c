from .backbones import FoundationEncoder, FrozenTimmEncoder, FrozenVisionTransformer, NoEncoder
from .checkpoints import make_loading_safe
from .data_preprocessor import FundusDataPreprocessor
from .decode_heads import VesselDetailHead, VesselUpsamplingHead
from .losses import VesselLoss
from .necks import MLAFusionNeck
from .segmentors import VesselEnsemble, VesselSegmentor

make_loading_safe()

__all__ = [
    'FoundationEncoder',
    'FrozenTimmEncoder',
    'FrozenVisionTransformer',
    'FundusDataPreprocessor',
    'MLAFusionNeck',
    'NoEncoder',
    'VesselDetailHead',
    'VesselEnsemble',
    'VesselLoss',
    'VesselSegmentor',
    'VesselUpsamplingHead',
]

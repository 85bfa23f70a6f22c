from .backbones import FrozenVisionTransformer
from .data_preprocessor import FundusDataPreprocessor
from .decode_heads import VesselDetailHead, VesselUpsamplingHead
from .losses import VesselLoss
from .necks import MLAFusionNeck
from .segmentors import VesselSegmentor

__all__ = [
    'FrozenVisionTransformer',
    'FundusDataPreprocessor',
    'MLAFusionNeck',
    'VesselDetailHead',
    'VesselLoss',
    'VesselSegmentor',
    'VesselUpsamplingHead',
]

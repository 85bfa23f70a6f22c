from .detail_head import VesselDetailHead
from .upsampling_head import VesselUpsamplingHead

__all__ = ['VesselDetailHead', 'VesselUpsamplingHead']

import warnings

from .detail_head import VesselDetailHead
from .upsampling_head import VesselUpsamplingHead
from .vessel_head import VesselHead

warnings.filterwarnings('ignore', message='``build_loss`` would be deprecated')  # mmsegmentation 1.2.2's own decode head calls it

__all__ = ['VesselDetailHead', 'VesselHead', 'VesselUpsamplingHead']

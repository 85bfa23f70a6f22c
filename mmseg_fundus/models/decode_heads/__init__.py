from .upsampling_head import VesselUpsamplingHead

__all__ = ['VesselUpsamplingHead']

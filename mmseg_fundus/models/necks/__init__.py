from .mla_fusion import MLAFusionNeck

__all__ = ['MLAFusionNeck']

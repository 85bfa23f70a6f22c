from .vessel_segmentor import VesselSegmentor

__all__ = ['VesselSegmentor']

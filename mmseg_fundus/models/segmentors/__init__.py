from .ensemble import VesselEnsemble
from .vessel_segmentor import VesselSegmentor

__all__ = ['VesselEnsemble', 'VesselSegmentor']

from .counts import binary_figures, confusion_counts
from .vessel_metric import VesselMetric

__all__ = ['VesselMetric', 'binary_figures', 'confusion_counts']

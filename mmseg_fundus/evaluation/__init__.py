from .cldice import centerline_counts, cldice
from .counts import binary_figures, confusion_counts
from .curves import calibration, curves
from .predicted_masks import PredictedMasks
from .recalibration import Recalibration, recalibrate
from .risk_coverage import risk_coverage
from .score_histogram import ScoreHistogram
from .scores import best_threshold, score_picture, summarise
from .topology import betti, topology, topology_counts
from .vessel_metric import VesselMetric

__all__ = [
    'PredictedMasks',
    'Recalibration',
    'ScoreHistogram',
    'VesselMetric',
    'best_threshold',
    'betti',
    'binary_figures',
    'calibration',
    'centerline_counts',
    'cldice',
    'confusion_counts',
    'curves',
    'recalibrate',
    'risk_coverage',
    'score_picture',
    'summarise',
    'topology',
    'topology_counts',
]

from .folder import PredictionFolder, find_photographs
from .inferencer import FundusVesselInferencer
from .prediction import VesselPrediction

__all__ = ['FundusVesselInferencer', 'PredictionFolder', 'VesselPrediction', 'find_photographs']

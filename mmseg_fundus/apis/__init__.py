from ..fileio.pictures import find_photographs
from .folder import PredictionFolder
from .inferencer import FundusVesselInferencer
from .prediction import VesselPrediction

__all__ = ['FundusVesselInferencer', 'PredictionFolder', 'VesselPrediction', 'find_photographs']

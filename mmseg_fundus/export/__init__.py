from .check import SIZES, TOLERANCE, Difference, ExportError, compare
from .facts import prediction_facts
from .graph import VesselGraph
from .to_onnx import check_possible, export_onnx

__all__ = [
    'SIZES',
    'TOLERANCE',
    'Difference',
    'ExportError',
    'VesselGraph',
    'check_possible',
    'compare',
    'export_onnx',
    'prediction_facts',
]

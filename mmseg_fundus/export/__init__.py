from .check import SIZES, TOLERANCE, Difference, ExportError, compare
from .facts import prediction_facts
from .graph import VesselGraph
from .network import OnnxNetwork
from .to_onnx import check_possible, export_onnx, onnx_modules

__all__ = [
    'SIZES',
    'TOLERANCE',
    'Difference',
    'ExportError',
    'OnnxNetwork',
    'VesselGraph',
    'check_possible',
    'compare',
    'export_onnx',
    'onnx_modules',
    'prediction_facts',
]

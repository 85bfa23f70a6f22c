from .overlay import add_legend, draw_overlay, draw_panels, heat_map
from .preview import LAYER_OPACITY, shrunk, thumbnail, vessel_layer
from .vessel_visualizer import VesselVisualizer
from .whole_files_backend import WholeFilesVisBackend

__all__ = [
    'LAYER_OPACITY',
    'VesselVisualizer',
    'WholeFilesVisBackend',
    'add_legend',
    'draw_overlay',
    'draw_panels',
    'heat_map',
    'shrunk',
    'thumbnail',
    'vessel_layer',
]

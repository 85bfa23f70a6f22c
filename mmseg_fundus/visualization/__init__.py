from .overlay import add_legend, draw_overlay, draw_panels, heat_map
from .vessel_visualizer import VesselVisualizer
from .whole_files_backend import WholeFilesVisBackend

__all__ = ['VesselVisualizer', 'WholeFilesVisBackend', 'add_legend', 'draw_overlay', 'draw_panels', 'heat_map']

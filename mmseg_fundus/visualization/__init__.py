from .overlay import add_legend, draw_overlay, draw_panels
from .vessel_visualizer import VesselVisualizer

__all__ = ['VesselVisualizer', 'add_legend', 'draw_overlay', 'draw_panels']

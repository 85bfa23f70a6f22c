from .gather import Gathered, gather
from .page import make_page

__all__ = ['Gathered', 'gather', 'make_page']

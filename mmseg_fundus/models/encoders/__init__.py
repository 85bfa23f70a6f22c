from ...families import Normalisation
from .contract import Encoder, backbone_of, encoder_in, encoder_of
from .frozen import FrozenEncoder
from .layouts import register_layout

__all__ = ['Encoder', 'FrozenEncoder', 'Normalisation', 'backbone_of', 'encoder_in', 'encoder_of', 'register_layout']

from .cache import FeatureCache, PictureCache, digest
from .maps import PictureMaps, training_maps

__all__ = ['FeatureCache', 'PictureCache', 'PictureMaps', 'digest', 'training_maps']

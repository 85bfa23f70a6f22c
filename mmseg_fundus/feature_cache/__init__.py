from .cache import FeatureCache, PictureCache, digest
from .cached_views import CachedViews, MapKey
from .maps import PictureMaps, training_maps

__all__ = ['CachedViews', 'FeatureCache', 'MapKey', 'PictureCache', 'PictureMaps', 'digest', 'training_maps']

from .cache import FeatureCache, window_records
from .cached_encoder import CachedEncoder
from .cached_views import CachedViews
from .keys import MapKey, digest

__all__ = ['CachedEncoder', 'CachedViews', 'FeatureCache', 'MapKey', 'digest', 'window_records']

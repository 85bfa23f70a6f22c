from .cache import FeatureCache, digest
from .maps import PictureMaps, training_maps
from .records import RecordFolder

__all__ = ['FeatureCache', 'PictureMaps', 'RecordFolder', 'digest', 'training_maps']

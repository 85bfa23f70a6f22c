"""mmseg's registries under this package's name: what is asked for in the scope ``mmseg_fundus`` is what ``mmseg`` has.

The package registers in mmseg's own; ``get_model('mmseg_fundus::...')`` and ``MMSegInferencer(scope='mmseg_fundus')`` look here.
"""

from mmengine.registry import Registry
from mmseg import registry

REGISTRIES = {
    name: Registry(getattr(registry, name).name, parent=getattr(registry, name), scope='mmseg_fundus') for name in registry.__all__
}

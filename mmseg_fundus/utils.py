"""What mmengine expects of a package under this name."""

from mmengine import registry

import mmseg_fundus


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register everything, as the function of this name in OpenMMLab's packages does; ``mmengine.hub.get_model`` calls it.

    Args:
        init_default_scope (bool): Make ``mmseg`` the default scope, unless it is that or this package's already.
    """
    mmseg_fundus.register()
    current = registry.DefaultScope.get_current_instance()
    if init_default_scope and (current is None or current.scope_name not in ('mmseg', 'mmseg_fundus')):
        registry.init_default_scope('mmseg')

"""Retinal vessel segmentation with frozen foundation models, as an MMSegmentation extension.

Importing the package registers everything it offers in mmseg's registries.  That takes seconds: a command of ours, which first reads its
arguments, sets ``MMSEG_FUNDUS_REGISTER=later`` in its environment and calls :func:`register` when it needs the rest.
"""

import contextlib
import io
import os
import warnings
from typing import TYPE_CHECKING, Any

from .shipped import name_configs
from .stack import check_stack, name_packages
from .version import __version__

if TYPE_CHECKING:
    from . import datasets, engine, evaluation, measurement, models, visualization

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'measurement', 'models', 'register', 'registered', 'visualization']

_registered = False


def register() -> None:
    """Register everything in mmseg's registries, once; raises :class:`~.errors.StackError` if the mm* packages are not right."""
    global _registered
    if _registered:
        return
    check_stack()
    # mmcv without compiled operators warns at import, onedl-* packages print 'Could not import OneDL'; nothing here uses either
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')
    with contextlib.redirect_stdout(io.StringIO()):
        import mmpretrain.models  # noqa: F401
        import mmseg.apis
        import mmseg.datasets  # noqa: F401

    name_packages()
    name_configs()
    from . import datasets, engine, evaluation, measurement, models, registry, visualization  # noqa: F401

    _registered = True


def registered() -> bool:
    """Whether everything is registered."""
    return _registered


def __getattr__(name: str) -> Any:
    """Whatever a part of the package offers: a config may say ``type='mmseg_fundus.VesselSegmentor'``."""
    parts = [globals()[part] for part in ('datasets', 'engine', 'evaluation', 'models', 'visualization') if part in globals()]
    for part in parts:
        if name in part.__all__:
            return getattr(part, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


if os.environ.pop('MMSEG_FUNDUS_REGISTER', '') != 'later':  # taken out at once: processes that this one starts register as ever
    register()

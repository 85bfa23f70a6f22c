"""Retinal vessel segmentation with frozen foundation models, as an MMSegmentation extension.

Importing the package registers everything it offers in mmseg's registries.
"""

import contextlib
import io
import warnings
from typing import Any

from .stack import check_stack, name_packages
from .version import __version__

check_stack()
# mmcv without compiled operators warns at import, onedl-* packages print 'Could not import OneDL'; nothing here uses either
warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')
with contextlib.redirect_stdout(io.StringIO()):
    import mmpretrain.models  # noqa: F401
    import mmseg.apis
    import mmseg.datasets  # noqa: F401

name_packages()
from . import datasets, engine, evaluation, measurement, models, visualization  # noqa: E402

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'measurement', 'models', 'visualization']


def __getattr__(name: str) -> Any:
    """Whatever a part of the package offers: a config may say ``type='mmseg_fundus.VesselSegmentor'``."""
    for part in (datasets, engine, evaluation, models, visualization):
        if name in part.__all__:
            return getattr(part, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

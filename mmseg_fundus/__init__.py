"""Retinal vessel segmentation with frozen foundation models, as an MMSegmentation extension.

Importing the package registers everything it offers in mmseg's registries.
"""

import contextlib
import io
import warnings

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

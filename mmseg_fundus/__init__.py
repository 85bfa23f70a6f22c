"""Retinal vessel segmentation with frozen foundation models, as an MMSegmentation extension.

Importing the package registers everything it offers in mmseg's registries.
"""

import warnings

from .stack import check_stack
from .version import __version__

check_stack()
# mmcv without compiled operators says so at import; nothing here uses one
warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')

from . import datasets, engine, evaluation, models, visualization  # noqa: E402

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models', 'visualization']

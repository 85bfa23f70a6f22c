"""Imported first by every tool: finds the package of this checkout, and stops with one line if the mm* packages are not right."""

import sys
from pathlib import Path

import _interrupt  # noqa: F401

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

try:
    import mmseg_fundus  # noqa: F401
except ImportError as error:
    if not str(error).startswith('mmseg_fundus:'):
        raise
    sys.exit(f'error: {error}')

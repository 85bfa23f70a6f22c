"""Imported first by every tool: finds the package of this checkout, which registers itself later (``load`` of mmseg_fundus.cli.run)."""

import os
import sys
from pathlib import Path

import _interrupt  # noqa: F401

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# the package takes the variable out again; where it was imported before, or a process that multiprocessing began is to unpickle objects
# of it, everything is needed
if 'mmseg_fundus' not in sys.modules and '__mp_main__' not in sys.modules:
    os.environ['MMSEG_FUNDUS_REGISTER'] = 'later'
import mmseg_fundus  # noqa: E402, F401

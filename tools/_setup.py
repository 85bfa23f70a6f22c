"""Imported first by every tool: finds the package, which registers itself later (``load`` of mmseg_fundus.cli.run)."""

import os
import sys
from pathlib import Path

import _interrupt  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent  # the checkout, or of an installed package the folder that holds tools and configs
CHECKOUT = (ROOT / 'mmseg_fundus' / '__init__.py').is_file()
# of the table of results: in a checkout it is that of configs/, elsewhere one of the user's own, printed unless a file is named
RESULTS = ROOT / 'configs/results' if CHECKOUT else Path('work_dirs/results')
README = ROOT / 'configs/README.md' if CHECKOUT else None
if CHECKOUT:
    sys.path.insert(0, str(ROOT))

# the package takes the variable out again; where it was imported before, or a process that multiprocessing began is to unpickle objects
# of it, everything is needed
if 'mmseg_fundus' not in sys.modules and '__mp_main__' not in sys.modules:
    os.environ['MMSEG_FUNDUS_REGISTER'] = 'later'
import mmseg_fundus  # noqa: E402, F401

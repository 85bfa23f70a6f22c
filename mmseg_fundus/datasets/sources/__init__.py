"""One file for each public data set, and the one table that everything reads which knows data sets by name."""

from .source import SOURCES, Rule, Source  # noqa: I001 (in the order of the table)
from .drive import DRIVE
from .stare import STARE
from .chase_db1 import CHASE_DB1
from .hrf import HRF
from .fives import FIVES
from .folders import Folders
from .photographs import Photographs
from .table import build_source, known_sources, markdown_table, source_class

__all__ = [
    'CHASE_DB1',
    'DRIVE',
    'FIVES',
    'HRF',
    'SOURCES',
    'STARE',
    'Folders',
    'Photographs',
    'Rule',
    'Source',
    'build_source',
    'known_sources',
    'markdown_table',
    'source_class',
]

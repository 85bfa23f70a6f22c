"""What figures are kept in: the record of results, where they come from, and the table that is made of many."""

from .described import described
from .plain import without_nan
from .record import Chosen, DataSet, Prediction, Report, Results, Trained, Weights, load, read

__all__ = [
    'Chosen',
    'DataSet',
    'Prediction',
    'Report',
    'Results',
    'Trained',
    'Weights',
    'described',
    'load',
    'read',
    'without_nan',
]

from .measure import measure_vessels
from .table import write_measurements

__all__ = ['measure_vessels', 'write_measurements']

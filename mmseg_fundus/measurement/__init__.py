from .measure import measure_vessels
from .quality import picture_quality, quality_flags
from .segments import measure_segments
from .table import write_measurements

__all__ = ['measure_segments', 'measure_vessels', 'picture_quality', 'quality_flags', 'write_measurements']

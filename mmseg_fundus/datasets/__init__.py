from .fov import find_fov
from .fundus_vessels import FundusVessels
from .infinite_view_sampler import InfiniteViewSampler
from .public_sets import ChaseDB1VesselDataset, DRIVEVesselDataset, FIVESVesselDataset, HRFVesselDataset, STAREVesselDataset, public_sets
from .random_view import RandomFundusView
from .sources import SOURCES, Source
from .transforms import LoadFieldOfView, LoadVesselAnnotations, PackVesselInputs
from .vessel_dataset import FundusPhotographsDataset, FundusVesselDataset
from .view_sampler import ViewSampler
from .views import View

__all__ = [
    'SOURCES',
    'ChaseDB1VesselDataset',
    'DRIVEVesselDataset',
    'FIVESVesselDataset',
    'FundusPhotographsDataset',
    'FundusVesselDataset',
    'FundusVessels',
    'HRFVesselDataset',
    'InfiniteViewSampler',
    'LoadFieldOfView',
    'LoadVesselAnnotations',
    'PackVesselInputs',
    'RandomFundusView',
    'STAREVesselDataset',
    'Source',
    'View',
    'ViewSampler',
    'find_fov',
    'public_sets',
]


def __getattr__(name: str) -> dict[str, type[FundusVesselDataset]]:
    if name == 'PUBLIC':  # the table as it is now: packages may have added to it
        return public_sets()
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

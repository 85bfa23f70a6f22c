from .chase_db1 import ChaseDB1VesselDataset
from .drive import DRIVEVesselDataset
from .fives import FIVESVesselDataset
from .fov import find_fov
from .hrf import HRFVesselDataset
from .infinite_view_sampler import InfiniteViewSampler
from .photographs_dataset import FundusPhotographsDataset
from .random_view import RandomFundusView
from .stare import STAREVesselDataset
from .transforms import LoadFieldOfView, LoadVesselAnnotations, PackVesselInputs
from .vessel_dataset import FundusVesselDataset
from .view_sampler import ViewSampler
from .views import View

PUBLIC = {
    'DRIVE': DRIVEVesselDataset,
    'STARE': STAREVesselDataset,
    'CHASE_DB1': ChaseDB1VesselDataset,
    'HRF': HRFVesselDataset,
    'FIVES': FIVESVesselDataset,
}

__all__ = [
    'PUBLIC',
    'ChaseDB1VesselDataset',
    'DRIVEVesselDataset',
    'FIVESVesselDataset',
    'FundusPhotographsDataset',
    'FundusVesselDataset',
    'HRFVesselDataset',
    'InfiniteViewSampler',
    'LoadFieldOfView',
    'LoadVesselAnnotations',
    'PackVesselInputs',
    'RandomFundusView',
    'STAREVesselDataset',
    'View',
    'ViewSampler',
    'find_fov',
]

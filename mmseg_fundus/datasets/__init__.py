from .drive import DRIVEVesselDataset
from .fives import FIVESVesselDataset
from .transforms import LoadVesselAnnotations, RandomFundusView
from .vessel_dataset import FundusVesselDataset
from .view_sampler import View, ViewSampler

__all__ = [
    'DRIVEVesselDataset',
    'FIVESVesselDataset',
    'FundusVesselDataset',
    'LoadVesselAnnotations',
    'RandomFundusView',
    'View',
    'ViewSampler',
]

"""The public data sets under the names of their own classes; what is known of each is its source's."""

from functools import cache

from mmseg.registry import DATASETS

from ..components import component
from .sources import CHASE_DB1, DRIVE, FIVES, HRF, STARE, Source, known_sources
from .vessel_dataset import FundusVesselDataset


@DATASETS.register_module()
class DRIVEVesselDataset(FundusVesselDataset):
    """:class:`.sources.DRIVE`.  Arguments as in :class:`FundusVesselDataset`."""

    SOURCE = DRIVE


@DATASETS.register_module()
class STAREVesselDataset(FundusVesselDataset):
    """:class:`.sources.STARE`.  Arguments as in :class:`FundusVesselDataset`."""

    SOURCE = STARE


@DATASETS.register_module()
class ChaseDB1VesselDataset(FundusVesselDataset):
    """:class:`.sources.CHASE_DB1`.  Arguments as in :class:`FundusVesselDataset`."""

    SOURCE = CHASE_DB1


@DATASETS.register_module()
class HRFVesselDataset(FundusVesselDataset):
    """:class:`.sources.HRF`.  Arguments as in :class:`FundusVesselDataset`."""

    SOURCE = HRF


@DATASETS.register_module()
class FIVESVesselDataset(FundusVesselDataset):
    """:class:`.sources.FIVES`.  Arguments as in :class:`FundusVesselDataset`."""

    SOURCE = FIVES


@cache
def data_set_of(source: type[Source]) -> type[FundusVesselDataset]:
    """The data set class of a source alone: the one that is registered for it, or one made of it."""
    found = component(source.data_set, DATASETS) if source.data_set else None
    if isinstance(found, type) and issubclass(found, FundusVesselDataset):
        return found
    name = source.data_set or source.name
    return type(name, (FundusVesselDataset,), {'SOURCE': source, '__doc__': source.__doc__, '__module__': source.__module__})


def public_sets() -> dict[str, type[FundusVesselDataset]]:
    """Name of each known source to the data set class of it alone."""
    return {name: data_set_of(source) for name, source in known_sources().items()}  # type: ignore[arg-type]  # a class is hashable

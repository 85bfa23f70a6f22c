from itertools import islice
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.hooks.hook import DATA_BATCH
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch.utils.data import DataLoader

from ..datasets.naming import picture_names


@HOOKS.register_module()
class PictureNamesHook(Hook):
    """Gives each picture of a validation or test a name that no other one has (``name`` in its sample's metainfo).

    Tables, masks and overlays are called by it, whatever data sets the pictures come from; every process finds the same names.
    """

    def __init__(self) -> None:
        self._batches: list[list[str]] = []

    def before_val_epoch(self, runner: Runner) -> None:
        self._find_names(runner.val_dataloader)

    def before_test_epoch(self, runner: Runner) -> None:
        self._find_names(runner.test_dataloader)

    def _find_names(self, loader: DataLoader[Any]) -> None:
        """The names of each batch that this process will meet, from the data set's index of each picture."""
        names, batches = dataset_names(loader.dataset), getattr(loader, 'batch_sampler', None)
        self._batches = [[names[i] for i in batch] for batch in islice(batches, len(loader))] if names and batches else []

    def before_val_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        self._name(batch_idx, data_batch)

    def before_test_iter(self, runner: Runner, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        self._name(batch_idx, data_batch)

    def _name(self, batch_idx: int, data_batch: DATA_BATCH) -> None:
        samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
        if not samples or batch_idx >= len(self._batches):
            return
        for group in samples if isinstance(samples[0], (list, tuple)) else [samples]:  # of mmseg's test-time augmentation: each way
            for name, sample in zip(self._batches[batch_idx], group):
                sample.set_metainfo(dict(name=name))


def dataset_names(dataset: BaseDataset) -> list[str] | None:
    """:func:`.picture_names` of a data set; ``None`` if it does not say where its pictures lie."""
    if not hasattr(dataset, 'get_data_info'):
        return None
    return picture_names([dataset.get_data_info(i) for i in range(len(dataset))])

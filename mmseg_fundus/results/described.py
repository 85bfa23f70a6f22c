"""What figures were measured on, in plain values."""

from collections.abc import Iterable
from typing import Any

from ..datasets.naming import parts_of


def described(dataset: Any) -> dict[str, Any]:
    """What figures were measured on: :meth:`.FundusVesselDataset.describe`, and the arguments that find the same pictures again.

    Of a data set that is made of others (``ConcatDataset``): what those have in common, and each of them in ``parts``.

    Args:
        dataset (Dataset): Of this package or any other.

    Returns:
        dict: What :class:`.record.DataSet` reads; checkpoints hold it too.
    """
    parts = [described(part) for part in parts_of(dataset) if part is not dataset]
    if parts:
        common = {key: _joined(part.get(key) for part in parts) for key in ('split', 'field_of_view') if all(key in part for part in parts)}
        return {'class': type(dataset).__name__, **common, 'pictures': len(dataset), 'parts': parts}
    if not hasattr(dataset, 'describe'):
        return {'class': type(dataset).__name__}
    arguments = {name: getattr(dataset, name) for name in ('fov', 'val_fraction', 'split_seed', 'label_values')}
    if not dataset.OBSERVERS:  # plain folders: not in the class, as those of a public set
        names = {'picture': 'img', 'label': 'label', 'fov': 'fov'}
        for role, (folder, suffix) in dataset.folders.items():
            arguments.update({f'{names[role]}_dir': folder, f'{names[role]}_suffix': suffix})
    return {**dataset.describe(), 'arguments': arguments}


def _joined(values: Iterable[Any]) -> str:
    return ', '.join(dict.fromkeys(map(str, values)))

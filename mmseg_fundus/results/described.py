"""What figures were measured on, in plain values."""

from collections.abc import Iterable
from typing import Any

from ..datasets.naming import parts_of


def described(dataset: Any) -> dict[str, Any]:
    """What figures were measured on and what finds the same pictures again: :meth:`.FundusVessels.describe`.

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
    found: dict[str, Any] = dataset.describe()
    return found


def _joined(values: Iterable[Any]) -> str:
    return ', '.join(dict.fromkeys(map(str, values)))

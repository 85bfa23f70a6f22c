"""The second observer's labels, scored as a prediction of the first one's: what figures a human reaches."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from ..classes import IGNORE
from ..datasets.fundus_vessels import FundusVessels
from ..datasets.truth import read_truth
from ..datasets.verify import check_alike
from ..errors import NothingThereError
from .agreement import agreement_table
from .mask_files import score_files
from .report import FOV, figures_table, report_rows

SECOND = 'second observer'


def score_second_observer(dataset: BaseDataset) -> dict[str, Any] | None:
    """Score the second observer's labels against those of a data set, inside its field of view and over the whole frame.

    Args:
        dataset (BaseDataset): With the first observer's labels.

    Returns:
        dict, optional: As :func:`.score_files`; ``None`` if the labels are not the first observer's, or there are no others of these
        pictures.

    Raises:
        DataError: If some of the second observer's labels are missing, or one cannot be read, or does not look like a label.
    """
    if not isinstance(dataset, FundusVessels) or dataset.observer != 'first' or 'second' not in dataset.observers:
        return None
    try:
        second = dataset.labelled_by('second')
    except NothingThereError:
        return None
    numbers = {Path(info['seg_map_path']): i for i, info in enumerate(second.samples())}
    kinds: list[tuple[str | Path | None, str | None]] = []

    def read(path: Path) -> tuple[np.ndarray, bool]:
        label, _, kind = read_truth(second, numbers[path])
        kinds.append((path, kind))
        return np.where(label == IGNORE, np.float32(np.nan), label.astype(np.float32)), False

    report = score_files(dataset, list(numbers), read=read)
    check_alike(kinds)
    return report


def second_observer_tables(report: dict[str, Any]) -> str:
    """Figures of :func:`score_second_observer` and agreement of its measures, as tables."""
    figures = figures_table(report_rows(report), f'{SECOND}, against the first')
    return f'{figures}\n{agreement_table({SECOND: report[FOV].get("agreement") or {}}, SECOND)}'

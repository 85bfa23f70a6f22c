"""The second observer's labels, scored as a prediction of the first one's: what figures a human reaches."""

from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from ..classes import IGNORE
from ..datasets.fundus_vessels import FundusVessels
from ..datasets.truth import read_truth
from ..datasets.verify import check_alike
from ..errors import DataError, FundusError, NothingThereError
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
        DataError: If some of the second observer's labels are missing, or one cannot be read, or does not look like a label; or the data
            set cannot list them.
    """
    if not isinstance(dataset, FundusVessels) or dataset.observer != 'first' or 'second' not in dataset.observers:
        return None
    try:
        second = dataset.labelled_by('second')
    except NothingThereError:
        return None
    except FundusError:
        raise
    except Exception as error:  # a data set of somebody's own lists its labels in its own way
        raise DataError(f'{type(error).__name__}: {error}') from error
    paths = [Path(info['seg_map_path']) for info in second.samples()]
    numbers = {path: i for i, path in enumerate(paths)}
    kinds: list[tuple[str | Path | None, str | None]] = []

    def read(path: Path) -> tuple[np.ndarray, bool]:
        label, _, kind = read_truth(second, numbers[path])
        kinds.append((path, kind))
        return np.where(label == IGNORE, np.float32(np.nan), label.astype(np.float32)), False

    report = score_files(dataset, paths, read=read)
    check_alike(kinds)
    return report


def second_observer_tables(report: dict[str, Any]) -> str:
    """Figures of :func:`score_second_observer` and agreement of its measures, as tables."""
    figures = figures_table(report_rows(report), f'{SECOND}, against the first')
    return f'{figures}\n{agreement_table({SECOND: report[FOV].get("agreement") or {}}, SECOND)}'

"""Measures of predicted masks beside those of the labels, inside the same field of view."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset

from ..classes import IGNORE, VESSEL
from ..datasets.fov_cache import check_size
from ..datasets.truth import picture_name, read_truth
from ..measurement import measure_vessels
from .mask_files import Reader, match_predictions, read_prediction, second_observer

Rows = list[dict[str, float]]


def measured_files(dataset: BaseDataset, folder: str | Path, threshold: float = 0.5) -> tuple[list[str], Rows, Rows]:
    """Measure the predictions in a folder, and the labels of a data set.

    Args:
        dataset (BaseSegDataset): Its labels and fields of view.
        folder (str | Path): A mask or probability map of each picture, named like it.
        threshold (float): A pixel is vessel above it.

    Returns:
        tuple[list, list, list]: Names of the pictures; :func:`.measure_vessels` of the predictions, and of the labels.

    Raises:
        DataError: If a prediction is missing, cannot be read, or is of another size.
    """
    names = [picture_name(dataset.get_data_info(i)) for i in range(len(dataset))]
    return names, *_measured(dataset, match_predictions(folder, names), threshold, read_prediction)


def measured_second_observer(dataset_of: Callable[[str], BaseDataset]) -> Rows | None:
    """The same of the second observer's labels; ``None`` if there are none of these pictures.  See :func:`.score_second_observer`."""
    found = second_observer(dataset_of)
    return None if found is None else _measured(*found[:2], 0.5, found[2])[0]


def _measured(dataset: BaseDataset, files: list[Path], threshold: float, read: Reader) -> tuple[Rows, Rows]:
    predicted, labelled = Rows(), Rows()
    for i, path in enumerate(files):
        label, fov, _ = read_truth(dataset, i)
        probability, _ = read(Path(path))
        check_size(probability, label, f'the prediction {path}', dataset.get_data_info(i))
        valid = (label != IGNORE) & np.isfinite(probability) & (fov > 0)
        for rows, mask in ((predicted, probability > threshold), (labelled, label == VESSEL)):
            rows.append(measure_vessels(mask & valid, valid))
    return predicted, labelled

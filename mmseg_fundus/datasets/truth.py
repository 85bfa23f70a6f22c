"""What is known of a picture that predictions are compared with, of any data set."""

from typing import Any, NamedTuple

import numpy as np
from mmengine.dataset import BaseDataset

from ..classes import BACKGROUND, IGNORE, VESSEL
from ..errors import DataError
from .reading import read_picture, stem_of
from .transforms import LoadVesselAnnotations


class Truth(NamedTuple):
    """A label ``(H, W)`` of 0, 1 and 255 (ignored), its field of view ``(H, W)`` of 0 and 1, and how the label is stored."""

    label: np.ndarray
    fov: np.ndarray
    kind: str | None


def picture_name(info: dict[str, Any]) -> str:
    """What masks and rows of a data set's sample are called by."""
    return info.get('name') or stem_of(info['img_path'])


def read_truth(dataset: BaseDataset, index: int) -> Truth:
    """Label and field of view of a picture: as ``LoadVesselAnnotations`` reads them, or, of somebody else's data set, as its pipeline.

    Args:
        dataset (BaseSegDataset): Whose samples have labels.
        index (int): Of the picture.

    Raises:
        DataError: If there is no label, or it cannot be read.
    """
    info = dataset.get_data_info(index)
    if 'fov_mode' in info and 'seg_map_path' in info:
        loaded = LoadVesselAnnotations().transform(dict(info, img=read_picture(info['img_path'])))
        return Truth(loaded['label'], loaded['fov'], loaded['label_kind'] if info.get('label_values', 'auto') == 'auto' else None)
    packed = dataset[index]
    sample = packed.get('data_samples') if isinstance(packed, dict) else None
    if sample is None or 'gt_sem_seg' not in sample:
        raise DataError(f'{info["img_path"]}: the pipeline of {type(dataset).__name__} hands on no label to compare with')
    label = np.asarray(sample.gt_sem_seg.data)[0].astype(np.uint8)
    wrong = set(np.unique(label).tolist()) - {BACKGROUND, VESSEL, IGNORE}
    if wrong:
        raise DataError(f'{info["img_path"]}: the label has the classes {sorted(wrong)[:5]}; 0, 1 and {IGNORE} (ignored) were expected')
    fov = sample.get('fov')
    return Truth(np.asarray(sample.get('label', label)), np.ones_like(label) if fov is None else np.asarray(fov), None)

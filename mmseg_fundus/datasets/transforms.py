"""Pipeline steps: reading a label or only the field of view, and packing both beside a test picture."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.datasets import PackSegInputs
from mmseg.registry import TRANSFORMS

from .fov_cache import check_size, field_of_view
from .reading import read_mask

IGNORE = 255
FOV_MODES = ('auto', 'found', 'none')


@TRANSFORMS.register_module()
class LoadVesselAnnotations(BaseTransform):
    """Read the field of view, and where there is one the vessel label.

    Required keys: ``img`` and ``img_path``; ``fov_path`` (a shipped mask), ``fov_mode`` (``'none'``: the whole frame; otherwise the
    field of view is found in the picture where no mask is shipped) and ``seg_map_path`` are optional.

    Added keys: ``fov`` ``(H, W)`` uint8 of 0 and 1; with a label ``label`` ``(H, W)`` uint8 of 0 and 1, as in the file, and
    ``gt_seg_map``, the same but 255 outside the field of view.
    """

    def transform(self, results: dict) -> dict:
        results['fov'] = fov = field_of_view(results, results['img'])
        if 'seg_map_path' not in results:
            return results
        label = check_size(read_mask(results['seg_map_path']), results['img'], results['seg_map_path'], results)
        results['label'] = label
        results['gt_seg_map'] = np.where(fov == 0, np.uint8(IGNORE), label)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results


@TRANSFORMS.register_module()
class LoadFieldOfView(BaseTransform):
    """Mark the field of view of a picture without a label, so that random views are drawn inside it.

    Required keys: those of :class:`LoadVesselAnnotations`.  Added key: ``gt_seg_map`` ``(H, W)`` uint8, 0, and 255 outside the field of
    view.
    """

    def transform(self, results: dict) -> dict:
        results['gt_seg_map'] = np.where(field_of_view(results, results['img']) == 0, np.uint8(IGNORE), np.uint8(0))
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results


@TRANSFORMS.register_module()
class PackVesselInputs(PackSegInputs):
    """mmseg's ``PackSegInputs``, which also hands on the field of view (``fov``), its degrees, and the label as in the file (``label``).

    ``fov`` and ``label`` are ``(H, W)`` arrays in the sample's metainfo, ``field_angle`` is a number, for the model (windows, crop,
    scale) and the metric (masked and unmasked).
    """

    def __init__(self):
        mmseg_keys = ('img_path', 'seg_map_path', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor')
        super().__init__((*mmseg_keys, 'name', 'fov', 'field_angle', 'label'))

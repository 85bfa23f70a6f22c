"""Pipeline steps: reading a label or only the field of view, and packing both beside a test picture."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.datasets import PackSegInputs
from mmseg.registry import TRANSFORMS

from ..classes import IGNORE
from .exchanged import check_label
from .fov_cache import check_size, field_of_view
from .label_file import read_label_and_kind

FOV_MODES = ('auto', 'found', 'none')


@TRANSFORMS.register_module()
class LoadVesselAnnotations(BaseTransform):
    """Read the field of view, and where there is one the vessel label, at the size of the files.

    A picture that was resized or flipped before keeps them as they are, as mmseg's test pipelines do: predictions come back to that size.

    Required keys: ``img`` and ``img_path``; ``fov_path`` (a shipped mask), ``fov_mode`` (``'none'``: the whole frame; otherwise the
    field of view is found in the picture where no mask is shipped), ``seg_map_path``, ``label_values`` (see :func:`.read_label`) and
    ``ori_shape`` are optional.

    Added keys: ``fov`` ``(H, W)`` uint8 of 0 and 1; with a label ``label`` ``(H, W)`` uint8 of 0, 1 and 255 (ignored), as in the file,
    ``label_kind``, how it is stored, and ``gt_seg_map``, the label but 255 outside the field of view too.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        results['fov'] = fov = field_of_view(results, results['img'])
        if 'seg_map_path' not in results:
            return results
        path, picture = results['seg_map_path'], results['img']
        label, results['label_kind'] = read_label_and_kind(path, results.get('label_values', 'auto'))
        check_label(check_size(label, picture, path, results), picture, fov, path)
        results['label'] = label
        results['gt_seg_map'] = np.where(fov == 0, np.uint8(IGNORE), label)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results


@TRANSFORMS.register_module()
class LoadFieldOfView(BaseTransform):
    """Mark the field of view of a picture without a label, so that random views are drawn inside it.

    Required keys: those of :class:`LoadVesselAnnotations`.  Added keys: ``fov``, and ``gt_seg_map`` ``(H, W)`` uint8, 0, and 255
    outside the field of view.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        results['fov'] = fov = field_of_view(results, results['img'])
        results['gt_seg_map'] = np.where(fov == 0, np.uint8(IGNORE), np.uint8(0))
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results


@TRANSFORMS.register_module()
class PackVesselInputs(PackSegInputs):
    """mmseg's ``PackSegInputs``, which also hands on the field of view (``fov``), its degrees, and the label as in the file (``label``).

    ``fov`` and ``label`` are ``(H, W)`` arrays in the sample's metainfo, ``field_angle`` is a number, for the model (windows, crop,
    scale) and the metric (masked and unmasked).  Where the picture was flipped, ``fov`` is too; the label stays as in the file.
    """

    def __init__(self) -> None:
        mmseg_keys = ('img_path', 'seg_map_path', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor', 'flip', 'flip_direction')
        super().__init__((*mmseg_keys, 'name', 'fov', 'field_angle', 'label'))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if results.get('flip') and 'fov' in results:
            axes: dict[str, int | tuple[int, int]] = {'horizontal': 1, 'vertical': 0, 'diagonal': (0, 1)}
            results = dict(results, fov=np.ascontiguousarray(np.flip(results['fov'], axes[results['flip_direction']])))
        return super().transform(results)

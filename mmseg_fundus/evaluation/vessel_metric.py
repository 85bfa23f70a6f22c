from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS
from PIL import Image
from prettytable import PrettyTable

from ..errors import DataError
from .counts import IGNORE, binary_figures, confusion_counts


@METRICS.register_module()
class VesselMetric(BaseMetric):
    """Dice, IoU, accuracy, sensitivity, specificity and precision of the vessel class inside the field of view.

    Pooled over all valid pixels of the split: each picture's counts are collected from every rank and added, so the figures do not
    depend on the number of processes.  Pixels labelled 255 (outside the field of view) do not count.  Prediction and label are compared
    at the label's resolution, which the test pipelines leave native.  Where the model hands on its loss of each picture, ``loss`` and
    its terms are the means over all pictures.

    Args:
        ignore_index (int): The label that does not count.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where results of several ranks meet.
        prefix (str, optional): Put before the names, with a slash.
        collect_dir (str, optional): Folder to collect through, for ``'cpu'``.
        output_dir (str, optional): Write each prediction there as ``<picture name>.png``, 0 and 255 (``tools/test.py --out``).
        keep_results (bool): Not needed; mmseg's own ``test.py --out`` passes it.
    """

    default_prefix = ''  # no prefix, and no warning that there is none

    def __init__(self, ignore_index=IGNORE, collect_device='cpu', prefix=None, collect_dir=None, output_dir=None, keep_results=True):
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        self.ignore_index = ignore_index
        self.output_dir = Path(output_dir) if output_dir else None

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count one batch; each sample holds ``pred_sem_seg`` and ``gt_sem_seg`` of ``(1, H, W)``."""
        for sample in data_samples:
            if 'gt_sem_seg' not in sample:
                raise DataError(f'{sample.get("img_path")}: no label to evaluate against; the test pipeline lacks LoadVesselAnnotations')
            label = sample['gt_sem_seg']['data'].squeeze(0).cpu().numpy()
            prediction = sample['pred_sem_seg']['data'].reshape(label.shape).cpu().numpy()
            if self.output_dir:
                self.output_dir.mkdir(parents=True, exist_ok=True)
                Image.fromarray((prediction * 255).astype(np.uint8)).save(self.output_dir / f'{Path(sample["img_path"]).stem}.png')
            counts = confusion_counts(prediction, label, self.ignore_index)
            self.results.append(dict(counts=counts, loss=sample.get('val_loss') or {}))

    def compute_metrics(self, results: list) -> dict:
        """Figures of the summed counts of all pictures, as :func:`~mmseg_fundus.evaluation.binary_figures` names them."""
        counts = np.sum([result['counts'] for result in results], axis=0)
        figures = binary_figures(counts)
        table = PrettyTable([*figures], title=f'vessels, {len(results)} pictures, {counts.sum():,} pixels in the field of view, pooled')
        table.add_row([f'{value:.4f}' for value in figures.values()])
        print_log('\n' + table.get_string(), logger='current')
        losses = {name: float(np.mean([result['loss'][name] for result in results])) for name in results[0]['loss']}
        if losses:
            figures['loss'] = sum(losses.values())
            figures.update({f'loss_{name}': value for name, value in losses.items()})
        return figures

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS

from ..datasets.naming import sample_names
from .mask_writer import MaskWriter


@METRICS.register_module()
class PredictedMasks(BaseMetric):
    """Measures nothing: writes each prediction as ``<picture name>.png``, black and white, beside evaluators that measure.

    ``tools/test.py --out`` adds it where there is no :class:`VesselMetric`, which writes them itself.

    Args:
        output_dir (str): Folder, made if needed.
        collect_device (str), prefix (str, optional): Not needed; ``BaseMetric`` has them.
    """

    default_prefix = ''

    def __init__(self, output_dir: str | Path, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.output_dir = output_dir
        self._writer = MaskWriter(output_dir)

    def process(self, data_batch: dict[str, Any], data_samples: Sequence[dict[str, Any]]) -> None:
        """Put the masks of one batch in line, ``pred_sem_seg`` ``(1, H, W)`` each."""
        for sample, name in zip(data_samples, sample_names(data_samples, data_batch)):
            prediction = sample['pred_sem_seg']['data'].cpu().numpy()
            files = (sample.get('img_path'), sample.get('seg_map_path'))
            self._writer.write(name, prediction.reshape(prediction.shape[-2:]) > 0, files)

    def evaluate(self, size: int) -> dict[str, float]:
        """Wait until all masks of this process are written."""
        self._writer.finish()
        return {}

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Nothing."""
        return {}

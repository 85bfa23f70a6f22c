from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS

from ..classes import IGNORE, NUMBER, VESSEL, vessel_probability
from ..datasets.naming import sample_names
from ..errors import DataError
from .agreement import agreement_table, expected_line
from .mask_writer import MaskWriter
from .report import Scored, figures_table, make_report, report_rows
from .risk_coverage import RANKINGS, risk_line, uncertainties
from .score_histogram import ScoreHistogram
from .scores import check_defined, score_picture, summarise, told_left_out
from .topology import topology_line


@METRICS.register_module()
class VesselMetric(BaseMetric):
    """The field's figures of the vessel class: pooled inside the field of view, and in detail per picture and over the whole frame.

    Dice, IoU, accuracy, sensitivity, specificity, precision, MCC, areas under the ROC and precision-recall curves; with ``detail``
    also clDice, recall by vessel width, errors of topology, agreement of measures (:func:`.agreement_figures`), expected Dice, mean and
    standard deviation over pictures, the curves (ROC, precision-recall, calibration, risk-coverage), and all of it unmasked.
    Prediction and label are compared at the label's resolution, which the test
    pipelines leave native.

    The metrics returned are those pooled over the field of view of all pictures: each picture's counts are collected from every
    process and added, so they do not depend on the number of processes.  Areas under curves come from a histogram of all scores, see
    :class:`~mmseg_fundus.evaluation.ScoreHistogram`.  Where the model hands on its loss of each picture, ``loss`` and its terms are
    the means over all pictures.  The rest is in :attr:`report`, which :class:`~mmseg_fundus.engine.ResultsHook` writes.

    Args:
        detail (bool): See above.
        ignore_index (int): The label that does not count.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where results of several ranks meet.
        prefix (str, optional): Put before the names, with a slash.
        collect_dir (str, optional): Folder to collect through, for ``'cpu'``.
        output_dir (str, optional): Write each prediction there as ``<picture name>.png``, black and white (``tools/test.py --out``), and
            an ensemble's uncertainty into ``uncertainty`` in it.
        keep_results (bool): Not needed; mmseg's own ``test.py --out`` passes it.

    Attributes:
        report (dict, optional): After an evaluation, on the main process, see :func:`.make_report`.
        histogram (ScoreHistogram, optional): After an evaluation, of all pictures inside the field of view.
    """

    default_prefix = ''  # no prefix, and no warning that there is none

    def __init__(
        self,
        detail: bool = True,
        ignore_index: int = IGNORE,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
        output_dir: str | Path | None = None,
        keep_results: bool = True,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        self.detail = detail
        self.ignore_index = ignore_index
        self.output_dir = Path(output_dir) if output_dir else None
        self.report: dict[str, Any] | None = None
        self.histogram: ScoreHistogram | None = None
        self._writer: MaskWriter | None = None
        self._reset()

    def _reset(self) -> None:
        self._sums = {name: ScoreHistogram() for name in ('inside', 'whole', *(RANKINGS if self.detail else ()))}
        self._last: dict[str, ScoreHistogram] = {}
        self._example: tuple[str | None, str | None] = (None, None)

    def process(self, data_batch: dict[str, Any], data_samples: Sequence[dict[str, Any]]) -> None:
        """Score one batch; each sample holds ``pred_sem_seg``, ``gt_sem_seg`` ``(1, H, W)`` and, for curves, ``seg_logits`` ``(2, H, W)``.

        ``label`` ``(H, W)``, if there, is the label outside the field of view too (``PackVesselInputs``); what it ignores counts nowhere.
        """
        given = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
        averaged = isinstance(given[0], (list, tuple)) if given else False  # mmseg's SegTTAModel hands on the logits of its last view alone
        for sample, name in zip(data_samples, sample_names(data_samples, data_batch)):
            if 'gt_sem_seg' not in sample:
                raise DataError(f'{sample.get("img_path")}: no label to evaluate against; the test pipeline lacks LoadVesselAnnotations')
            files = (sample.get('img_path'), sample.get('seg_map_path'))
            self._example = files if self._example[0] is None else self._example
            masked = sample['gt_sem_seg']['data'].squeeze(0).cpu().numpy()
            prediction = sample['pred_sem_seg']['data'].cpu().numpy()
            prediction = prediction.reshape(prediction.shape[-2:]) > 0
            probability = None
            spread = sample['vessel_spread']['data'].squeeze(0).float().cpu().numpy() if 'vessel_spread' in sample else None
            if not averaged and 'seg_logits' in sample and len(sample['seg_logits']['data']) == NUMBER:
                probability = vessel_probability(sample['seg_logits']['data'].float(), dim=0).cpu().numpy()
                if not np.isfinite(probability).all():
                    raise DataError(f'{sample.get("img_path")}: the logits hold NaN or infinite values')
            if prediction.shape != masked.shape:
                raise DataError(
                    f'{sample.get("img_path")}: prediction {prediction.shape} and label {masked.shape} differ in size; in a test pipeline '
                    'a step that resizes stands before LoadVesselAnnotations, so that labels stay at native size'
                )
            if self.output_dir:
                self._writer = self._writer or MaskWriter(self.output_dir)
                self._writer.write(name, prediction, files, spread)
            areas = dict(inside=(masked, masked != self.ignore_index))
            if self.detail and sample.get('label') is not None:
                whole = np.asarray(sample['label'])
                areas['whole'] = (whole, whole != self.ignore_index)
            result = dict(picture=name, loss=sample.get('val_loss') or {})
            for area, (label, valid) in areas.items():
                detail = self.detail and area == 'inside'
                result[area], histogram = score_picture(prediction, probability, label, valid, self.detail, detail)
                if histogram is not None:
                    self._sums[area] += histogram
                    self._last[area] = histogram
            if self.detail and probability is not None:
                self._add_uncertainty(prediction, probability, spread, *areas['inside'])
            self.results.append(result)

    def _add_uncertainty(
        self, prediction: np.ndarray, probability: np.ndarray, spread: np.ndarray | None, label: np.ndarray, valid: np.ndarray
    ) -> None:
        wrong = prediction[valid] != (label[valid] == VESSEL)
        for name, values in uncertainties(probability[valid], None if spread is None else spread[valid]).items():
            self._last[name] = ScoreHistogram()
            self._last[name].add(values, wrong)
            self._sums[name] += self._last[name]

    def evaluate(self, size: int) -> dict[str, float]:
        """Figures over ``size`` pictures; the histograms of all processes are added here, without pictures that pad a last batch.

        Raises:
            DataError: If no label has a vessel, or no pixel counts: then there is nothing to measure.
        """
        if self._writer:
            self._writer.finish()
        rank, processes = get_dist_info()
        if len(self.results) > len(range(rank, size, processes)):  # mmengine's sampler gives a process at most one too many
            for area, histogram in self._last.items():
                self._sums[area].counts -= histogram.counts
        if processes > 1:
            for histogram in self._sums.values():
                counts = torch.from_numpy(histogram.counts)
                on_gpu = torch.distributed.get_backend() == 'nccl'
                counts = counts.cuda() if on_gpu else counts
                all_reduce(counts)
                histogram.counts = counts.cpu().numpy()
        metrics = super().evaluate(size)
        self.histogram, example = self._sums['inside'], self._example
        self._reset()
        begin = f'{self.prefix}/' if self.prefix else ''
        check_defined({name.removeprefix(begin): value for name, value in metrics.items()}, size, example)
        return metrics

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Pooled figures inside the field of view, as :func:`.scores.figures` names them."""
        areas: dict[str, Scored] = {}
        scored = False
        for area in ('inside', 'whole'):
            records = [result[area] for result in results if area in result]
            if len(records) == len(results):
                scored = bool(self._sums['inside'].counts.any())
                areas[area] = (records, summarise(records, self._sums[area] if scored else None))
        names = [result['picture'] for result in results]
        self.report = report = make_report(
            names,
            areas['inside'],
            areas.get('whole'),
            self._sums['inside'] if self.detail and scored else None,
            {name: self._sums[name] for name in RANKINGS} if self.detail and scored else None,
        )
        pixels = int(sum(record['counts'].sum() for record in areas['inside'][0]))
        title = f'vessels, {len(results)} pictures, {pixels:,} pixels in the field of view'
        left_out = told_left_out(areas['inside'][1]['left_out'], len(results)) if self.detail else ''
        risks = risk_line((report.get('curves') or {}).get('risk_coverage') or {})
        widths = topology_line(areas['inside'][1].get('topology') or {})
        summary = areas['inside'][1]
        agreement = agreement_table({'': summary.get('agreement') or {}})
        expected = expected_line(summary.get('expected') or {})
        told = filter(None, (figures_table(report_rows(report), title), widths, left_out, risks, agreement, expected))
        print_log('\n' + '\n'.join(told), logger='current')
        metrics = dict(areas['inside'][1]['pooled'])
        losses = {name: float(np.mean([result['loss'][name] for result in results])) for name in results[0]['loss']}
        if losses:
            metrics['loss'] = sum(losses.values())
            metrics.update({f'loss_{name}': value for name, value in losses.items()})
        return metrics

"""Every figure of the field's tables for one picture and for many: plain functions, no runner needed."""

import math
from typing import Any

import numpy as np
from skimage.morphology import skeletonize

from ..classes import IGNORE, VESSEL
from ..errors import DataError
from ..measurement import measure_vessels
from ..measurement.quality import expected_dice
from .agreement import agreement_figures, expected_figures
from .cldice import centerline_counts, cldice
from .counts import binary_figures, confusion_counts
from .score_histogram import ScoreHistogram
from .topology import topology, topology_counts

NAMES = ('Dice', 'IoU', 'Accuracy', 'Sensitivity', 'Specificity', 'Precision', 'MCC', 'AUC-ROC', 'AUC-PR', 'clDice')


def score_picture(
    prediction: np.ndarray,
    probability: np.ndarray | None,
    label: np.ndarray,
    valid: np.ndarray,
    centerline: bool = True,
    detail: bool = False,
) -> tuple[dict[str, Any], ScoreHistogram | None]:
    """Score one picture where ``valid``.

    Args:
        prediction (np.ndarray): ``(H, W)``, 1 vessel.
        probability (np.ndarray, optional): ``(H, W)``, 0 to 1; without it there are no areas under curves.
        label (np.ndarray): ``(H, W)``, 0 or 1 where ``valid``.
        valid (np.ndarray): ``(H, W)`` bool; pixels that count (the field of view, less what the label ignores).
        centerline (bool): Also clDice.
        detail (bool): Also recall by vessel width, topology, :func:`.measure_vessels` of prediction and label, and expected Dice.

    Returns:
        tuple[dict, ScoreHistogram]: ``counts``, perhaps ``centerline``, ``topology``, ``measures`` and ``expected_dice``, and ``figures``
            by name; the scores' histogram.

    Raises:
        DataError: If sizes differ or the label holds other values.
    """
    prediction = np.asarray(prediction).astype(bool)
    counts = confusion_counts(prediction, np.where(valid, label, IGNORE))
    record: dict[str, Any] = dict(counts=counts)
    vessel = (label == VESSEL) & valid
    line = skeletonize(vessel) if centerline or detail else None
    if centerline:
        record['centerline'] = centerline_counts(prediction & valid, vessel, line)
    if detail:
        record['topology'] = topology_counts(prediction, vessel, valid, line)
        record['measures'] = tuple(measure_vessels(mask & valid, valid) if valid.any() else {} for mask in (prediction, vessel))
    histogram = None
    if probability is not None:
        if detail:
            record['expected_dice'] = expected_dice(probability, prediction, valid)
        histogram = ScoreHistogram()
        histogram.add(probability[valid], label[valid] == VESSEL)
    record['figures'] = figures(counts, record.get('centerline'), histogram)
    return record, histogram


def figures(counts: np.ndarray, centerline: np.ndarray | None = None, histogram: ScoreHistogram | None = None) -> dict[str, float]:
    """All figures that what is given allows, in the order of ``NAMES``."""
    found = binary_figures(counts)
    if histogram is not None:
        found['AUC-ROC'], found['AUC-PR'] = histogram.auc_roc()[0], histogram.average_precision()[0]
    if centerline is not None:
        found['clDice'] = cldice(centerline)
    return found


def summarise(records: list[dict[str, Any]], histogram: ScoreHistogram | None = None) -> dict[str, dict[str, Any]]:
    """Figures of many pictures.

    Args:
        records (list[dict]): Of :func:`score_picture`.
        histogram (ScoreHistogram, optional): The sum of theirs.

    Returns:
        dict: ``pooled`` (counts of all pictures added), ``mean`` and ``sd`` (over pictures, those where a figure is not defined left
        out; population standard deviation), each by name; ``left_out``, how many those are, by the names that have some; ``bounds`` of
        the pooled areas under curves; ``topology``, see :func:`.topology.topology`; ``agreement`` of measures, see
        :func:`.agreement_figures`; ``expected`` Dice, see :func:`.expected_figures`.
    """
    centerline = sum(r['centerline'] for r in records) if 'centerline' in records[0] else None
    summary: dict[str, dict[str, Any]] = dict(
        pooled=figures(sum(r['counts'] for r in records), centerline, histogram), mean={}, sd={}, left_out={}, bounds={}
    )
    for name in summary['pooled']:
        values = np.array([r['figures'][name] for r in records])
        values = values[np.isfinite(values)]
        if len(values) < len(records):
            summary['left_out'][name] = len(records) - len(values)
        summary['mean'][name] = float(values.mean()) if len(values) else float('nan')
        summary['sd'][name] = float(values.std()) if len(values) else float('nan')
    if 'topology' in records[0]:
        summary['topology'] = topology([record['topology'] for record in records])
    if all('measures' in record for record in records):
        summary['agreement'] = agreement_figures(*([record['measures'][i] for record in records] for i in range(2)))
    if all('expected_dice' in record for record in records):
        summary['expected'] = expected_figures(*zip(*((record['expected_dice'], record['figures']['Dice']) for record in records)))
    if histogram is not None:
        summary['bounds'] = {'AUC-ROC': histogram.auc_roc()[1], 'AUC-PR': histogram.average_precision()[1]}
    return summary


def check_defined(figures: dict[str, float], pictures: int, example: tuple[str | None, str | None]) -> None:
    """Refuse pooled figures of pictures that cannot say how good a prediction of vessels is.

    Args:
        figures (dict): With ``Accuracy`` and ``Sensitivity``.
        pictures (int): How many.
        example (tuple): A picture's file, and its label's (``None`` where not known).

    Raises:
        DataError: If no pixel counts, or none that counts is vessel.
    """
    counts = not math.isnan(figures['Accuracy'])
    if counts and not math.isnan(figures['Sensitivity']):
        return
    found = 'no pixel is vessel in' if counts else 'no pixel counts (all are ignored, or outside the field of view) in'
    picture, label = example
    raise DataError(
        f'{found} the {"labels of all " + str(pictures) + " pictures" if pictures > 1 else "label of the picture"}, so that Dice has no '
        f'value; the first is {picture}, its label {label or "not known"}. Look whether that is the right label file, and has vessels '
        'that are white (or 1) inside the field of view'
    )


def told_left_out(left_out: dict[str, int], pictures: int) -> str:
    """In words what the means over pictures leave out; '' if nothing."""
    parts = ', '.join(f'{name} of {count}' for name, count in left_out.items())
    return f'not defined, and left out of mean and sd: {parts} of the {pictures} pictures' if parts else ''


def best_threshold(histogram: ScoreHistogram) -> dict[str, Any]:
    """The threshold among .01 to .99 with the best pooled Dice, and the Dice at each."""
    thresholds = np.arange(1, 100) / 100
    dice = histogram.dice_by_threshold(thresholds)
    best = int(dice.argmax())
    return dict(
        threshold=float(thresholds[best]),
        Dice=round(float(dice[best]), 6),
        sweep={f'{threshold:.2f}': round(float(value), 6) for threshold, value in zip(thresholds, dice)},
    )

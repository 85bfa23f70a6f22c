"""The one record of results: what ``results.json`` holds, and the only place that reads, checks and writes it.

Three kinds of it are written (:data:`KEYS`): of a validation, of a test, and of somebody's masks.  ``version`` says how the file is laid
out; files without it are of version 0, which has the same keys.  Keys that are not known here are kept when a record is written again:
somebody else's tools may need them.
"""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets.sources import source_class
from ..errors import DataError
from ..evaluation.report import FOV, FRAME
from ..fileio.reading import read_json
from ..fileio.whole_files import write_whole
from .parts import Part, Problems, anything, figures, kept, many, mapping, number, number_or_text, one, rows, series, text, texts
from .plain import without_nan
from .risk_coverage import RiskCoverages

VERSION = 1
FILE, PICTURES_FILE = 'results.json', 'per_picture.csv'
_MADE_FROM = (
    *('prediction', 'threshold_chosen_on', 'epoch', 'checkpoint', 'config', 'data', 'trained', 'weights', 'seconds_per_picture', 'device'),
    *('seed', 'processes', 'time', 'versions', 'git', 'files', 'seen_in_training', 'config_text'),
)
KEYS = {  # that a new file of each phase has, null where something is not known
    'val': ('phase', 'metrics', *_MADE_FROM),
    'test': ('phase', 'metrics', 'report', 'masks', *_MADE_FROM),
    'masks': (
        *('phase', 'method', 'metrics', 'report', 'second_observer', 'prediction', 'data', 'files', 'prediction_files'),
        *('versions', 'git', 'time'),
    ),
}
OF = 'tools/test.py, tools/train.py or tools/evaluate_masks.py'


@dataclass(kw_only=True)
class Area(Part):
    """Figures by name, in the field of view or in the whole frame; see :func:`mmseg_fundus.evaluation.summarise`."""

    pooled: dict[str, float | None] = kept(figures, make=dict)
    mean: dict[str, float | None] = kept(figures, make=dict)
    sd: dict[str, float | None] = kept(figures, make=dict)
    left_out: dict[str, float | None] = kept(figures, make=dict)
    bounds: dict[str, float | None] = kept(figures, make=dict)
    topology: dict[str, float | None] = kept(figures, make=dict)
    agreement: dict[str, Any] = kept(mapping, make=dict)
    expected: dict[str, float | None] = kept(figures, make=dict)


@dataclass(kw_only=True)
class Roc(Part):
    """False and true positive rates."""

    fpr: list[float | None] = kept(series, make=list)
    tpr: list[float | None] = kept(series, make=list)


@dataclass(kw_only=True)
class PrecisionRecall(Part):
    """Recalls and precisions."""

    recall: list[float | None] = kept(series, make=list)
    precision: list[float | None] = kept(series, make=list)


@dataclass(kw_only=True)
class Calibration(Part):
    """Of bins of probability; see :func:`mmseg_fundus.evaluation.calibration`."""

    probability: list[float | None] = kept(series, make=list)
    vessels: list[float | None] = kept(series, make=list)
    pixels: list[float | None] = kept(series, make=list)
    error: float | None = kept(number)


@dataclass(kw_only=True)
class LogOdds(Part):
    """Pixels by the log odds of vessel; see :func:`mmseg_fundus.evaluation.recalibration.log_odds_counts`."""

    first: float | None = kept(number)
    step: float | None = kept(number)
    background: list[float | None] = kept(series, make=list)
    vessels: list[float | None] = kept(series, make=list)


@dataclass(kw_only=True)
class Curves(Part):
    """See :func:`mmseg_fundus.evaluation.curves`."""

    roc: Roc = kept(one(Roc), make=Roc)
    pr: PrecisionRecall = kept(one(PrecisionRecall), make=PrecisionRecall)
    calibration: Calibration = kept(one(Calibration), make=Calibration)
    log_odds: LogOdds = kept(one(LogOdds), make=LogOdds)
    risk_coverage: RiskCoverages = kept(one(RiskCoverages), make=RiskCoverages)


@dataclass(kw_only=True)
class Report(Part):
    """The figures of :class:`~mmseg_fundus.evaluation.VesselMetric`; see :func:`mmseg_fundus.evaluation.report.make_report`.

    ``pictures`` has a row of each: ``picture``, its name; figures and counts by name, those of the whole frame as ``unmasked ...``.
    """

    inside: Area = kept(one(Area), key=FOV, make=Area)
    whole: Area = kept(one(Area), key=FRAME, make=Area)
    curves: Curves = kept(one(Curves), make=Curves)
    pictures: list[dict[str, Any]] = kept(rows, make=list)


@dataclass(kw_only=True)
class DataSet(Part):
    """Pictures; see :func:`.described.described`. Of a data set of another package it may be the ``class`` alone."""

    class_name: str | None = kept(text, key='class')
    root: str | None = kept(text)
    split: str | None = kept(text)
    division: Any = kept(anything)
    observer: str | None = kept(text)
    label_values: str | None = kept(text)
    field_of_view: str | None = kept(text)
    pictures: float | str | None = kept(number_or_text)
    parts: 'list[DataSet]' = kept(many(lambda: DataSet), make=list)
    arguments: dict[str, Any] = kept(mapping, make=dict)

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the data sets that it is made of, each once: ``('DRIVE', 'STARE')``; empty where no class is known."""
        if self.parts:
            return tuple(dict.fromkeys(name for part in self.parts for name in part.sets))
        source = source_class(self.class_name) if self.class_name else None
        name = source.name if source and not source.general else (self.class_name or '').removesuffix('VesselDataset')
        return (name,) if name else ()

    @property
    def short_name(self) -> str:
        """``DRIVE`` of ``DRIVEVesselDataset``, ``DRIVE+STARE`` of both together; '' where no class is known."""
        return '+'.join(self.sets)


@dataclass(kw_only=True)
class Chosen(DataSet):
    """The pictures that a threshold was chosen on, their Dice at it, and at every other (``sweep``)."""

    threshold: float | None = kept(number)
    dice: float | None = kept(number, key='Dice')
    sweep: dict[str, float | None] = kept(figures, make=dict)


@dataclass(kw_only=True)
class Trained(Part):
    """How what was tested was trained: ``meta['training']`` of its checkpoint; ``members`` are the files of an ensemble."""

    epochs: float | str | None = kept(number_or_text)
    steps: float | str | None = kept(number_or_text)
    data: DataSet = kept(one(DataSet), make=DataSet)
    seed: float | str | None = kept(number_or_text)
    seconds: float | None = kept(number)
    trained_parameters: float | str | None = kept(number_or_text)
    members: list[str] = kept(texts, make=list)
    device: str | None = kept(text)


@dataclass(kw_only=True)
class Weights(Part):
    """The encoder's file."""

    NEW = ('path', 'sha256', 'notes')
    path: str | None = kept(text)
    sha256: str | None = kept(text)
    notes: list[str] = kept(texts, make=list)


@dataclass(kw_only=True)
class Prediction(Part):
    """``model.test_cfg`` of a test (in ``other`` what has no name here); of masks, where they were."""

    threshold: float | None = kept(number)
    folder: str | None = kept(text)


@dataclass(kw_only=True)
class Results(Part):
    """Contents of a ``results.json``; what is missing is ``None`` or empty.

    Attributes:
        version: Layout of the file that it was read from.
        phase: ``'val'``, ``'test'`` or ``'masks'``; ``None`` in a file that was put together by hand.
        metrics: Whatever the metrics returned, by name.
        masks: Folder of the predicted masks, from the results' folder on.
        calibration: Of the checkpoint, what :mod:`mmseg_fundus.models.calibrated` put into it; only of one that has it.
        seen_in_training: Names of pictures that were in the training of the checkpoint.
    """

    version: int = kept(anything, default=VERSION)
    phase: str | None = kept(text)
    method: str | None = kept(text)
    source: str | None = kept(text)
    metrics: dict[str, Any] = kept(mapping, make=dict)
    report: Report = kept(one(Report), make=Report)
    second_observer: Report | None = kept(one(Report))
    masks: str | None = kept(text)
    prediction: Prediction = kept(one(Prediction), make=Prediction)
    threshold_chosen_on: Chosen | None = kept(one(Chosen))
    calibration: dict[str, Any] | None = kept(mapping)
    epoch: float | None = kept(number)
    checkpoint: str | None = kept(text)
    config: str | None = kept(text)
    data: DataSet = kept(one(DataSet), make=DataSet)
    trained: Trained = kept(one(Trained), make=Trained)
    encoder: str | None = kept(text)
    weights: Weights | None = kept(one(Weights))
    seconds_per_picture: float | None = kept(number)
    device: str | None = kept(text)
    seed: float | None = kept(number)
    processes: float | None = kept(number)
    time: str | None = kept(text)
    versions: dict[str, Any] = kept(mapping, make=dict)
    git: dict[str, Any] | None = kept(mapping)
    files: dict[str, Any] | None = kept(mapping)
    prediction_files: dict[str, Any] | None = kept(mapping)
    seen_in_training: list[str] | None = kept(texts)
    config_text: str | None = kept(text)

    def always(self) -> tuple[str, ...]:
        """Those of its phase, unless it was read from a file."""
        return self.order or KEYS.get(self.phase or '', ())

    def plain(self) -> dict[str, Any]:
        """The record as JSON has it, in the layout of this version."""
        found = super().plain()
        found.pop('version', None)
        return {'version': VERSION, **found}

    def write(self, path: Path) -> None:
        """Write the record into a file, which is whole or as it was."""
        text = json.dumps(without_nan(self.plain()), indent=2) + '\n'
        write_whole(path, lambda temporary: temporary.write_text(text, encoding='utf-8'))

    def save(self, folder: Path | str) -> None:
        """Write ``results.json`` and, where there are figures of pictures, ``per_picture.csv``; each is whole or as it was."""
        folder = Path(folder)
        self.write(folder / FILE)
        if self.report.pictures:
            text = pictures_csv(self.report.pictures)
            write_whole(folder / PICTURES_FILE, lambda temporary: temporary.write_text(text, encoding='utf-8', errors='backslashreplace'))


def read(path: Path | str) -> tuple[Results, Problems]:
    """Read what fits of a results file, and what does not.

    Raises:
        DataError: If the file is none, or of a later version.
    """
    try:
        found = read_json(path)
    except DataError as error:
        raise DataError(f'{path} is no results.json ({error}); give one of {OF}') from error
    if not isinstance(found, dict) or not any(found.get(key) and isinstance(found[key], dict) for key in ('metrics', 'report')):
        raise DataError(f'{path} is no results.json of {OF}: it holds no metrics')
    version = found.get('version', 0)
    if type(version) is not int or version < 0:
        raise DataError(f'{path} is no results.json of {OF}: version is {str(version)[:60]!r}, a number from 0 to {VERSION} was expected')
    if version > VERSION:
        raise DataError(
            f'{path} is of version {str(version)[:20]} of results.json; this mmseg_fundus reads versions up to {VERSION}. Update it'
        )
    problems = Problems()
    results = Results.read(found, problems=problems)
    results.version = version
    return results, problems


def load(path: Path | str) -> Results:
    """Read a results file.

    Raises:
        DataError: If the file is none, of a later version, or holds something else than belongs there.
    """
    results, problems = read(path)
    if problems:
        raise DataError(f'{path} is no results.json of {OF}: {problems}')
    return results


def pictures_csv(rows: list[dict[str, Any]]) -> str:
    """One line per picture, figures with six decimals."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator='\n')
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f'{value:.6f}' if isinstance(value, float) else value for key, value in row.items()})
    return text.getvalue()

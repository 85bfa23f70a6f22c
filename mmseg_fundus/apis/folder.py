"""Predictions of many photographs as files: where each goes, what is there already, nothing half written."""

import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..choices import FORMATS, OUTPUTS
from ..classes import MOST_SPREAD
from ..errors import ConfigError, DataError
from ..evaluation.mask_writer import save_grey
from ..fileio.reading import read_json
from ..fileio.whole_files import remove_leftovers, write_whole
from ..measurement import write_measurements
from ..results import without_nan
from .prediction import VesselPrediction


class PredictionFolder:
    """Writes predictions below a folder, one subfolder a kind, and knows which are there.

    Args:
        folder (str | Path): Made if needed.
        outputs (Sequence[str]): Of :data:`.choices.OUTPUTS`.
        probability_format (str): ``'png'`` (16 bit, 65535 is 1; of ``'uncertainty'`` 0.5, the largest there can be) or ``'npz'`` (float16,
            key ``probability`` or ``spread``).
        settings (dict): What the predictions depend on; kept in ``settings.json``.
        overwrite (bool): Write again what is there.

    Raises:
        ConfigError: If the folder holds predictions made with other settings and ``overwrite`` is not set.
    """

    def __init__(
        self,
        folder: str | Path,
        outputs: Collection[str],
        probability_format: str = 'png',
        settings: dict[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        unknown = set(outputs) - set(OUTPUTS)
        if unknown or not outputs or probability_format not in FORMATS:
            raise ConfigError(f'outputs={list(outputs)}, format {probability_format!r}: use some of {list(OUTPUTS)} and one of {FORMATS}')
        self.folder = Path(folder)
        self.suffixes = {name: OUTPUTS[name] for name in outputs}
        self.suffixes.update({name: probability_format for name in ('probability', 'uncertainty') if name in self.suffixes})
        self.overwrite = overwrite
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder in [self.folder, *(below for kind in OUTPUTS for below in (self.folder / kind).rglob('') if below.is_dir())]:
            remove_leftovers(folder)
        self._check_settings(json.loads(json.dumps(without_nan(settings or {}), default=str)))

    def _check_settings(self, settings: dict[str, Any]) -> None:
        file = self.folder / 'settings.json'
        if file.is_file() and not self.overwrite:
            try:
                before = read_json(file)
            except DataError:
                before = None
            if before != settings:
                differ = [key for key in settings if not isinstance(before, dict) or before.get(key) != settings[key]]
                raise ConfigError(
                    f'{self.folder} holds predictions made otherwise (other {", ".join(differ) or "settings"}, see settings.json there); '
                    'choose another folder, or --overwrite'
                )
        write_whole(file, lambda temporary: temporary.write_text(json.dumps(settings, indent=2) + '\n'))

    def path(self, kind: str, name: Path) -> Path:
        """Where one output of a picture lies."""
        return self.folder / kind / name.with_name(f'{name.name}.{self.suffixes[kind]}')

    def is_done(self, name: Path) -> bool:
        """Whether all outputs of a picture are there and are to stay."""
        there = not self.overwrite and all(self.path(kind, name).is_file() for kind in self.suffixes)
        return there and ('measurements' not in self.suffixes or self._measured(name) is not None)

    def write(self, name: Path, prediction: VesselPrediction) -> None:
        """Write the outputs of a picture, each whole or not at all."""
        for kind in self.suffixes:
            path = self.path(kind, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, getattr(self, f'_{kind}')(prediction))

    @staticmethod
    def _mask(prediction: VesselPrediction) -> Callable[[Path], Any]:
        return lambda path: Image.fromarray(prediction.mask.astype(np.uint8) * 255).save(path, 'PNG')

    def _probability(self, prediction: VesselPrediction) -> Callable[[Path], Any]:
        if self.suffixes['probability'] == 'npz':
            return lambda path: _save_npz(path, probability=prediction.probability.astype(np.float16))
        return lambda path: save_grey(path, prediction.probability)

    def _uncertainty(self, prediction: VesselPrediction) -> Callable[[Path], Any]:
        spread = prediction.spread
        if spread is None:
            raise ConfigError(f'{prediction.name}: there is no uncertainty in the prediction of a single network; give several checkpoints')
        if self.suffixes['uncertainty'] == 'npz':
            return lambda path: _save_npz(path, spread=spread.astype(np.float16))
        return lambda path: save_grey(path, spread, MOST_SPREAD)

    @staticmethod
    def _overlay(prediction: VesselPrediction) -> Callable[[Path], Any]:
        return lambda path: Image.fromarray(prediction.draw()).save(path, 'JPEG', quality=90)

    @staticmethod
    def _measurements(prediction: VesselPrediction) -> Callable[[Path], Any]:
        text = json.dumps(without_nan(prediction.measurements), indent=2) + '\n'
        return lambda path: path.write_text(text)

    def _measured(self, name: Path) -> dict[str, Any] | None:
        """A picture's measurements; ``None`` if they are not there, or damaged."""
        try:
            row = read_json(self.path('measurements', name))
        except DataError:
            return None
        fine = isinstance(row, dict) and row and all(value is None or type(value) in (int, float) for value in row.values())
        return row if fine else None

    def write_table(self, names: Iterable[Path]) -> Path | None:
        """``measurements.csv`` of the pictures whose measurements are there; ``None`` if those were not asked for."""
        if 'measurements' not in self.suffixes:
            return None
        found = {name: self._measured(name) for name in names}
        rows = [(name.as_posix(), row) for name, row in found.items() if row is not None]
        if not rows:
            return None
        write_measurements(self.folder / 'measurements.csv', rows)
        return self.folder / 'measurements.csv'


def _save_npz(path: Path, **arrays: np.ndarray) -> None:
    with open(path, 'wb') as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

"""Predictions of many photographs as files: where each goes, what is there already, nothing half written."""

import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..choices import FORMATS, OUTPUTS
from ..errors import ConfigError, DataError
from ..fileio.reading import read_json
from ..fileio.whole_files import remove_leftovers, write_whole
from ..measurement import write_measurements
from ..report.folder_page import PredictedPicture, folder_page
from ..results import without_nan
from .outputs import FLAGS, PREVIEWS, SHOWN, write_output

if TYPE_CHECKING:
    from .prediction import VesselPrediction


def default_outputs(members: int = 1) -> list[str]:
    """What is written of each picture unless something else is asked for: no segments; of several networks the uncertainty, too."""
    return [name for name in OUTPUTS if name != 'segments' and (name != 'uncertainty' or members > 1)]


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
        if 'index' in self.suffixes:  # is a page of all pictures, and these of each
            del self.suffixes['index']
            self.suffixes.update(PREVIEWS)
        self.has_index = 'index' in outputs
        self.overwrite = overwrite
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder in [self.folder, *(below for kind in OUTPUTS for below in (self.folder / kind).rglob('') if below.is_dir())]:
            remove_leftovers(folder)
        self.settings: dict[str, Any] = json.loads(json.dumps(without_nan(settings or {}), default=str))
        self._check_settings(self.settings)

    def _check_settings(self, settings: dict[str, Any]) -> None:
        file = self.folder / 'settings.json'
        if file.is_file():
            try:
                before = read_json(file)
            except DataError:
                before = None
            if before != settings and self.overwrite:
                self._remove_index()  # it shows predictions made otherwise
            elif before != settings:
                old = before if isinstance(before, dict) else {}
                differ = [key for key in {**settings, **old} if old.get(key) != settings.get(key)]
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

    def _remove_index(self) -> None:
        (self.folder / 'index.html').unlink(missing_ok=True)
        for kind in PREVIEWS:
            shutil.rmtree(self.folder / kind, ignore_errors=True)

    def write(self, name: Path, prediction: 'VesselPrediction') -> None:
        """Write the outputs of a picture, each whole or not at all."""
        for kind in self.suffixes:
            path = self.path(kind, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, write_output(kind, self.suffixes[kind], prediction))

    def _measured(self, name: Path) -> dict[str, Any] | None:
        """A picture's measurements; ``None`` if they are not there, or damaged."""
        try:
            row = read_json(self.path('measurements', name))
        except DataError:
            return None
        if not isinstance(row, dict) or not isinstance(row.get(FLAGS), str):  # an older version wrote none
            return None
        return row if all(value is None or type(value) in (int, float) for key, value in row.items() if key != FLAGS) else None

    def flagged(self, names: Iterable[Path]) -> dict[Path, str]:
        """What is wrong with pictures whose measurements are there, of those with which something is."""
        if 'measurements' not in self.suffixes:
            return {}
        found = {name: (self._measured(name) or {}).get(FLAGS) for name in names}
        return {name: flags for name, flags in found.items() if flags}

    def pictures(self, names: Iterable[Path], failed: Collection[Path] = ()) -> list[Path]:
        """Names of this run's pictures without those that failed, and of those that earlier runs with these settings put on the page."""
        found = set(names)
        if self.has_index:
            shown = self.folder / SHOWN
            found |= {file.relative_to(shown).with_suffix('') for file in shown.rglob(f'*.{PREVIEWS[SHOWN]}')}
        return sorted(found - set(failed), key=str)

    def write_table(self, names: Iterable[Path], agreement: str = '') -> Path | None:
        """``measurements.csv`` of the pictures whose measurements are there; ``None`` if those were not asked for.

        Args:
            names (Iterable[Path]): Of :meth:`pictures`.
            agreement (str): Which measures of the model can be trusted, for the last column; '' for no such column.
        """
        if 'measurements' not in self.suffixes:
            return None
        found = {name: self._measured(name) for name in names}
        note = {'agreement': agreement} if agreement else {}
        rows = [(name.as_posix(), {**row, **note}) for name, row in found.items() if row is not None]
        if not rows:
            return None
        write_measurements(self.folder / 'measurements.csv', rows)
        return self.folder / 'measurements.csv'

    def write_index(
        self, names: Iterable[Path], failed: Mapping[Path, str] | None = None, model: str = '', agreement: str = ''
    ) -> Path | None:
        """``index.html``, which shows pictures and their measurements; ``None`` if it was not asked for.

        Args:
            names (Iterable[Path]): Of :meth:`pictures`.
            failed (dict, optional): Pictures that could not be predicted, by name, and why.
            model (str): What predicted, in words, where its file's name says too little.
            agreement (str): Which measures of the model can be trusted; '' for nothing.
        """
        if not self.has_index:
            return None
        rows = []
        for name in names:
            there = {kind: self.path(kind, name) for kind in self.suffixes if self.path(kind, name).is_file()}
            files = {kind: path.relative_to(self.folder) for kind, path in there.items()}
            previews = {kind.rpartition('/')[2]: files.pop(kind) for kind in PREVIEWS if kind in files}
            measured = (self._measured(name) if 'measurements' in files else None) or {}
            files.pop('measurements', None)  # they are in the table
            rows.append(PredictedPicture(name.as_posix(), files, previews, measured))
        told = {name.as_posix(): reason for name, reason in (failed or {}).items()}
        page = folder_page(self.folder.resolve().name, model, self.settings, rows, told, agreement)
        write_whole(self.folder / 'index.html', lambda temporary: temporary.write_text(page, encoding='utf-8'))
        return self.folder / 'index.html'

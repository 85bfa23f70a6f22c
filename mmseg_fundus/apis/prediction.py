import io
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import ConfigError
from ..fileio.pictures import distinct_names
from ..measurement import measure_segments, measure_vessels, picture_quality, quality_flags
from ..visualization import draw_panels
from .folder import PredictionFolder, default_outputs


@dataclass
class VesselPrediction:
    """The vessels of one photograph, at its own size.

    Attributes:
        name (str): The file's name, or ``picture N`` of an array.
        picture (np.ndarray): ``(H, W, 3)`` uint8 RGB.
        probability (np.ndarray): ``(H, W)`` float32, 0 outside the field of view.
        fov (np.ndarray): ``(H, W)`` bool, field of view.
        threshold (float): Probability above which a pixel is vessel.
        micrometres_per_pixel (float, optional): Scale of the measurements; they are in pixels without.
        degrees_per_pixel (float, optional): Scale of the measurements, where they are to be in degrees of the eye.
        spread (np.ndarray, optional): ``(H, W)`` float32, standard deviation of the members' probabilities, 0 to 0.5, 0 outside the field
            of view; of an ensemble alone.
        settings (dict): What it depends on: checkpoint, threshold, way of predicting.
    """

    name: str
    picture: np.ndarray = field(repr=False)
    probability: np.ndarray = field(repr=False)
    fov: np.ndarray = field(repr=False)
    threshold: float = 0.5
    micrometres_per_pixel: float | None = None
    spread: np.ndarray | None = field(default=None, repr=False)
    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    degrees_per_pixel: float | None = None

    @property
    def mask(self) -> np.ndarray:
        """``(H, W)`` bool, vessels inside the field of view."""
        return (self.probability > self.threshold) & self.fov

    @property
    def measurements(self) -> dict[str, float]:
        """Vessel density, length, width, tortuosity ..., see :func:`mmseg_fundus.measurement.measure_vessels`."""
        return measure_vessels(self.mask, self.fov, self.micrometres_per_pixel, self.degrees_per_pixel)

    @property
    def segments(self) -> list[dict[str, float]]:
        """Length, shape and width of each vessel, see :func:`mmseg_fundus.measurement.measure_segments`."""
        scales = self.micrometres_per_pixel, self.degrees_per_pixel
        return measure_segments(self.mask, self.fov, *scales, self.probability, self.threshold)

    @property
    def quality(self) -> dict[str, float]:
        """Expected Dice, blur, brightness ..., see :func:`mmseg_fundus.measurement.picture_quality`."""
        whole = self.settings.get('field_of_view') == 'whole frame'  # as the user said: that it is not round tells nothing
        return picture_quality(self.picture, None if whole else self.fov, self.probability, self.threshold)

    @property
    def flags(self) -> list[str]:
        """What is wrong with the picture, in words; see :func:`mmseg_fundus.measurement.quality_flags`."""
        return quality_flags(self.quality)

    def draw(self, label: np.ndarray | None = None) -> np.ndarray:
        """Picture, probability, perhaps uncertainty, and prediction beside each other, as uint8 RGB.

        Args:
            label (np.ndarray, optional): ``(H, W)``; with it, what was found, missed and false.
        """
        return draw_panels(self.picture, self.mask, self.probability, label, self.spread)

    def save(self, folder: str | Path, outputs: Collection[str] = (), overwrite: bool = False) -> Path:
        """Write it as ``tools/predict.py`` does: ``folder/mask/NAME.png`` and so on.

        Args:
            folder (str | Path): Made if needed.
            outputs (Collection[str]): Of :data:`.choices.OUTPUTS` without ``index``; all that there are of this prediction by default.
            overwrite (bool): Write again what is there.

        Returns:
            Path: The folder.

        Raises:
            ConfigError: If a file is there already, or the folder holds predictions made otherwise.
        """
        every = [name for name in default_outputs(1 if self.spread is None else 2) if name != 'index']
        if 'index' in outputs:
            raise ConfigError("outputs: 'index' is a page of many pictures, which tools/predict.py writes; leave it out")
        out = PredictionFolder(folder, outputs or every, settings=self.settings, overwrite=overwrite)
        name = distinct_names({0: Path(self.name)})[0]  # as predict.py names it
        there = [path for path in (out.path(kind, name) for kind in outputs or every) if path.exists()]
        if there and not overwrite:
            raise ConfigError(f'{there[0]} is there already; give another folder, another name (prediction.name), or overwrite=True')
        out.write(name, self)
        return out.folder

    def _repr_png_(self) -> bytes:
        """What a notebook shows: :meth:`draw`."""
        file = io.BytesIO()
        Image.fromarray(self.draw()).save(file, 'PNG')
        return file.getvalue()

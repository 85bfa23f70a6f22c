from dataclasses import dataclass, field

import numpy as np

from ..measurement import measure_vessels
from ..visualization import draw_panels


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
        spread (np.ndarray, optional): ``(H, W)`` float32, standard deviation of the members' probabilities, 0 to 0.5, 0 outside the field
            of view; of an ensemble alone.
    """

    name: str
    picture: np.ndarray = field(repr=False)
    probability: np.ndarray = field(repr=False)
    fov: np.ndarray = field(repr=False)
    threshold: float = 0.5
    micrometres_per_pixel: float | None = None
    spread: np.ndarray | None = field(default=None, repr=False)

    @property
    def mask(self) -> np.ndarray:
        """``(H, W)`` bool, vessels inside the field of view."""
        return (self.probability > self.threshold) & self.fov

    @property
    def measurements(self) -> dict[str, float]:
        """Vessel density, length, width, tortuosity ..., see :func:`mmseg_fundus.measurement.measure_vessels`."""
        return measure_vessels(self.mask, self.fov, self.micrometres_per_pixel)

    def draw(self, label: np.ndarray | None = None) -> np.ndarray:
        """Picture, probability, perhaps uncertainty, and prediction beside each other, as uint8 RGB.

        Args:
            label (np.ndarray, optional): ``(H, W)``; with it, what was found, missed and false.
        """
        return draw_panels(self.picture, self.mask, self.probability, label, self.spread)

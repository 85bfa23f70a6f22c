"""How else a camera might have shown the same eye: brightness, contrast, colour, sharpness, noise."""

from typing import NamedTuple

import cv2
import numpy as np

from ..errors import ConfigError


class CameraLook(NamedTuple):
    """How far a random look may differ from the picture's own; 0 leaves a property as it is.

    Args:
        brightness (float): The picture is multiplied by 1 ± this, 0 to 1.
        contrast (float): Differences from the mean grey are multiplied by 1 ± this, 0 to 1.
        colour (float): Each channel is multiplied by 1 ± this besides, 0 to 1.
        gamma (float): Each channel is raised to the power of e ** ± this (grey values of 0 to 1), 0 to 1.
        blur (float): Three pictures in ten are blurred by a Gaussian of up to this many pixels.
        noise (float): Every other picture gets normal noise of up to this many grey values.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    gamma: float = 0.0
    blur: float = 0.0
    noise: float = 0.0

    def check(self, owner: str) -> 'CameraLook':
        """Itself; raises :class:`ConfigError` in the name of ``owner`` if a value is out of its bounds."""
        for name, value in self._asdict().items():
            high = {'blur': 10, 'noise': 255}.get(name, 1)
            if not 0 <= value <= high:
                raise ConfigError(f'{owner}: {name}={value} must lie in [0, {high}]')
        return self

    def draw(self, picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """A random look of a picture ``(H, W, 3)`` uint8, the same for the same state of ``random``."""

        def around(limit: float, size: int | None = None) -> float | np.ndarray:
            return random.uniform(-limit, limit, size)

        gain, contrast = 1 + around(self.brightness), 1 + around(self.contrast)
        mean = picture.mean()
        levels = ((np.arange(256) - mean) * contrast + mean) * gain
        if self.colour or self.gamma:
            channels = levels[:, None] * (1 + around(self.colour, 3))
            levels = 255 * np.clip(channels / 255, 0, 1) ** np.exp(around(self.gamma, 3))
        picture = cv2.LUT(picture, np.clip(np.round(levels), 0, 255).astype(np.uint8).reshape(1, 256, -1))
        if self.blur and random.random() < 0.3:
            picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, max(self.blur, 0.3)))
        if self.noise and random.random() < 0.5:
            noisy = picture + random.normal(0, random.uniform(0, self.noise), picture.shape)
            picture = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
        return picture

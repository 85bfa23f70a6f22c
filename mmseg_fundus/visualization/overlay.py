"""Pictures of what a model found, missed and invented."""

import cv2
import numpy as np

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), told apart with any colour vision; RGB
FOUND = (0, 158, 115)  # bluish green: vessel, predicted
MISSED = (230, 159, 0)  # orange: vessel, not predicted
INVENTED = (86, 180, 233)  # sky blue: predicted, no vessel
LEGEND = (('found', FOUND), ('missed', MISSED), ('false', INVENTED))


def draw_overlay(picture: np.ndarray, prediction: np.ndarray, label: np.ndarray | None = None, ignore_index: int = 255) -> np.ndarray:
    """Paint a prediction over the grey picture; with a label, found, missed and false pixels in three colours.

    Args:
        picture (np.ndarray): ``(H, W, 3)`` uint8 RGB.
        prediction (np.ndarray): ``(H, W)``, non-zero where vessel.
        label (np.ndarray, optional): ``(H, W)``, 0, 1 or ``ignore_index`` (painted nothing).

    Returns:
        np.ndarray: ``(H, W, 3)`` uint8 RGB.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) // 2
    canvas = np.repeat(grey[:, :, None], 3, axis=2)
    prediction = prediction.astype(bool)
    if label is None:
        canvas[prediction] = FOUND
        return canvas
    canvas[prediction & (label == 1)] = FOUND
    canvas[~prediction & (label == 1)] = MISSED
    canvas[prediction & (label == 0)] = INVENTED
    return canvas


def add_legend(image: np.ndarray, title: str = '') -> np.ndarray:
    """A strip below the picture that names the colours (and ``title``)."""
    scale = max(min(image.shape[1] / 560, 2.0), 0.3)
    strip = np.zeros((max(int(24 * scale), 10), image.shape[1], 3), np.uint8)
    x, y = int(8 * scale), int(17 * scale)
    for name, colour in (*LEGEND, (title, (220, 220, 220))):
        cv2.putText(strip, name, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale, colour, 1, cv2.LINE_AA)
        x += cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale, 1)[0][0] + int(14 * scale)
    return np.vstack([image, strip])

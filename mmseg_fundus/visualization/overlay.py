"""Pictures of what a model found, missed and invented."""

import cv2
import numpy as np

from ..classes import BACKGROUND, IGNORE, VESSEL

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), told apart with any colour vision; RGB
FOUND = (0, 158, 115)  # bluish green: vessel, predicted
MISSED = (230, 159, 0)  # orange: vessel, not predicted
INVENTED = (86, 180, 233)  # sky blue: predicted, no vessel
WRITING = (220, 220, 220)
HEAT = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_INFERNO).reshape(256, 3)[:, ::-1]  # (256, 3)
BRIGHTEST = 0.25  # spread from which on it is shown as the brightest: half of the largest that there can be; most are below 0.15
PANEL = 1200
LEGEND = (('found', FOUND), ('missed', MISSED), ('false', INVENTED))


def draw_overlay(picture: np.ndarray, prediction: np.ndarray, label: np.ndarray | None = None, ignore_index: int = IGNORE) -> np.ndarray:
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
    canvas[prediction & (label == VESSEL)] = FOUND
    canvas[~prediction & (label == VESSEL)] = MISSED
    canvas[prediction & (label == BACKGROUND)] = INVENTED
    return canvas


def draw_panels(
    picture: np.ndarray,
    prediction: np.ndarray | None = None,
    probability: np.ndarray | None = None,
    label: np.ndarray | None = None,
    spread: np.ndarray | None = None,
) -> np.ndarray:
    """A picture beside what was made of it, as one image with a legend.

    Args:
        picture (np.ndarray): ``(H, W, 3)`` uint8 RGB.
        prediction (np.ndarray, optional): ``(H, W)``, non-zero where vessel.
        probability (np.ndarray, optional): ``(H, W)`` of 0 to 1.
        label (np.ndarray, optional): ``(H, W)``, 0, 1 or 255 (not counted).
        spread (np.ndarray, optional): ``(H, W)`` of 0 to 0.5, uncertainty of an ensemble; a heat map with its scale above it.

    Returns:
        np.ndarray: uint8 RGB.  Picture, probability, uncertainty, prediction: up to three in a row, more in two rows; with a label picture
        and label first, and found, missed, false in place of the prediction.  Panels are at most :data:`PANEL` pixels a side.
    """
    factor = min(PANEL / max(picture.shape[:2]), 1.0)
    size = (max(round(picture.shape[1] * factor), 1), max(round(picture.shape[0] * factor), 1))

    def panel(image: np.ndarray, title: str, scale: str = '') -> np.ndarray:
        image = np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image
        return add_title(cv2.resize(image, size, interpolation=cv2.INTER_AREA) if factor < 1 else image, title, scale)

    panels = [panel(picture, 'picture')]
    if label is not None:
        panels.append(panel((label == VESSEL).astype(np.uint8) * 255, 'label'))
    if probability is not None:
        panels.append(panel(np.round(np.clip(probability, 0, 1) * 255).astype(np.uint8), 'probability'))
    if spread is not None:
        panels.append(panel(heat_map(spread), 'uncertainty 0', f'{BRIGHTEST:g}+'))
    if prediction is not None:
        panels.append(panel(draw_overlay(picture, prediction, label), 'prediction' if label is None else 'difference'))
    columns = len(panels) if len(panels) < 4 else (len(panels) + 1) // 2
    panels += [np.zeros_like(panels[0])] * (-len(panels) % columns)
    drawn = np.vstack([np.hstack(panels[first : first + columns]) for first in range(0, len(panels), columns)])
    return drawn if label is None or prediction is None else add_legend(drawn)


def heat_map(spread: np.ndarray) -> np.ndarray:
    """Uncertainty ``(H, W)`` of 0 to 0.5 in the colours of :data:`HEAT`, the brightest from :data:`BRIGHTEST` on, uint8 RGB."""
    return HEAT[np.round(np.clip(spread / BRIGHTEST, 0, 1) * 255).astype(np.uint8)]


def add_title(image: np.ndarray, title: str, scale_to: str = '') -> np.ndarray:
    """A strip above an image that says what it is; with ``scale_to`` the colours of :data:`HEAT` behind it, from the title to that."""
    scale = _scale(image.shape[1])
    strip = np.zeros((max(round(22 * scale), 10), image.shape[1], 3), np.uint8)

    def write(text: str, x: int) -> None:
        cv2.putText(strip, text, (x, round(16 * scale)), cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale, WRITING, 1, cv2.LINE_AA)

    write(title, round(6 * scale))
    if scale_to:
        first = round(12 * scale) + cv2.getTextSize(title, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale, 1)[0][0]
        end = first + round(120 * scale)
        colours = HEAT[np.linspace(0, 255, end - first).astype(int)]
        strip[round(5 * scale) : round(17 * scale), first:end] = colours[: max(strip.shape[1] - first, 0)]
        write(scale_to, end + round(6 * scale))
    return np.vstack([strip, image])


def _scale(width: int) -> float:
    return max(min(width / 560, 2.0), 0.3)


def add_legend(image: np.ndarray, title: str = '') -> np.ndarray:
    """A strip below the picture that names the colours (and ``title``)."""
    scale = _scale(image.shape[1])
    strip = np.zeros((max(int(24 * scale), 10), image.shape[1], 3), np.uint8)
    x, y = int(8 * scale), int(17 * scale)
    for name, colour in (*LEGEND, (title, WRITING)):
        cv2.putText(strip, name, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale, colour, 1, cv2.LINE_AA)
        x += cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * scale, 1)[0][0] + int(14 * scale)
    return np.vstack([image, strip])

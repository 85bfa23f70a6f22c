"""Small pictures of a prediction for pages: photograph and vessels that lie over each other, and a thumbnail of both."""

import cv2
import numpy as np
from PIL import Image

SIDE, THUMB = 800, 144  # longer sides in pixels, at most
VESSELS = (60, 240, 190)  # on a photograph, which is red to orange
FIELD = (255, 214, 0)  # edge of the field of view
LEVELS = 15  # of the layer's opacity


def shrunk(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A picture ``(H, W)`` or ``(H, W, 3)`` of uint8, its longer side at most ``side``; smaller ones as they are."""
    height, width = picture.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return picture
    return cv2.resize(picture, (max(round(width * factor), 1), max(round(height * factor), 1)), interpolation=cv2.INTER_AREA)


def vessel_layer(mask: np.ndarray, fov: np.ndarray) -> Image.Image:
    """Vessels and the edge of the field of view as a picture to lay over ``shrunk(picture)``: of its size, see-through elsewhere.

    Args:
        mask (np.ndarray): ``(H, W)`` bool.
        fov (np.ndarray): ``(H, W)`` bool.

    Returns:
        Image.Image: With a palette, so that its file is small; save it as PNG with ``transparency=LAYER_OPACITY``.
    """
    share = shrunk(mask.astype(np.uint8) * 255).astype(np.float32) / 255
    index = np.round(np.minimum(share * 1.5, 1) * LEVELS).astype(np.uint8)  # 1.5: what is thin stays visible where it was made small
    inside = (shrunk(fov.astype(np.uint8) * 255) > 127).astype(np.uint8)
    ring = (inside > 0) & (cv2.erode(inside, np.ones((3, 3), np.uint8)) == 0)  # none along the frame
    index[ring] = LEVELS + 1
    layer = Image.fromarray(index, 'P')
    layer.putpalette([*VESSELS * (LEVELS + 1), *FIELD])
    return layer


LAYER_OPACITY = bytes([*(round(255 * level / LEVELS) for level in range(LEVELS + 1)), 255])


def thumbnail(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Photograph and vessels beside each other, uint8 RGB, each at most :data:`THUMB` pixels a side."""
    vessels = shrunk(mask.astype(np.uint8) * 255, THUMB)
    vessels = np.minimum(vessels.astype(np.uint16) * 3 // 2, 255).astype(np.uint8)
    return np.hstack([shrunk(picture, THUMB), np.repeat(vessels[:, :, None], 3, axis=2)])

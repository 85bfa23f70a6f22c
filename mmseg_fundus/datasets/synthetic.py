"""Synthetic fundus photographs: made up, for trying and testing; nothing measured on them says anything about eyes."""

import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

_SUB = 4  # vessels are drawn at this many times the resolution (fixed-point bits of OpenCV take care of the rest)


def _grow(
    rng: np.random.Generator,
    x: float,
    y: float,
    angle: float,
    width: float,
    length: float,
    depth: int,
    segments: list[tuple[float, ...]],
) -> None:
    """Add a tapering, meandering vessel and its branches as ``(x0, y0, x1, y1, width)``, all in shares of the picture side."""
    step = 0.012
    steps = max(int(length / step), 3)
    curl = rng.normal(0, 0.02)
    forks = set(rng.choice(np.arange(2, steps), size=min(int(rng.integers(2, 5)), steps - 2), replace=False).tolist()) if depth else set()
    for i in range(steps):
        angle += curl + rng.normal(0, 0.08)
        after = (x + step * math.cos(angle), y + step * math.sin(angle))
        segments.append((x, y, *after, width * (1 - 0.6 * i / steps)))
        x, y = after
        if i in forks:
            side = int(rng.choice([-1, 1]))
            _grow(rng, x, y, angle + side * rng.uniform(0.4, 1.0), width * 0.65, length * rng.uniform(0.4, 0.7), depth - 1, segments)


def _draw_vessels(segments: np.ndarray, size: int) -> np.ndarray:
    canvas = np.zeros((size * _SUB, size * _SUB), np.uint8)
    for x0, y0, x1, y1, width in np.rint(segments * size * _SUB).astype(int).tolist():
        cv2.line(canvas, (x0, y0), (x1, y1), 255, max(width, 1), cv2.LINE_AA)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)


def synthetic_fundus(seed: int, size: int = 256) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw one made-up fundus photograph.

    A disc with dark surroundings (the field of view), uneven illumination, an optic disc, a macula, two arcades of branching,
    tapering vessels with a light reflex, small dark and bright spots that are no vessels, and sensor noise.

    Args:
        seed (int): Same seed and size, same picture.
        size (int): Height and width in pixels, at least 32.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: Picture ``(size, size, 3)`` uint8 RGB; vessel label and field of view, both
        ``(size, size)`` uint8 of 0 and 255.
    """
    if size < 32:
        raise ValueError(f'size={size} is too small for a fundus picture, 32 pixels at least')
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    radius = np.hypot(x - 0.5, y - 0.5)
    fov = radius < 0.47

    disc = (float(rng.choice([0.24, 0.76])), 0.5 + rng.uniform(-0.05, 0.05))
    towards = 0.0 if disc[0] < 0.5 else np.pi
    grown: list[tuple[float, ...]] = []
    for upper in (-1, 1):
        for turn in (0.55, 1.1, 1.9):
            angle = towards + upper * (turn if towards == 0 else -turn) + rng.normal(0, 0.1)
            _grow(rng, *disc, angle, rng.uniform(0.018, 0.028), rng.uniform(0.5, 0.8), 3, grown)
    segments = np.array(grown)
    coverage = _draw_vessels(segments, size)
    label = (coverage > 127) & fov

    light = 1.0 - 0.5 * radius**2 + 0.25 * (x - 0.5) * rng.uniform(-1, 1) + 0.25 * (y - 0.5) * rng.uniform(-1, 1)
    tone = rng.uniform(0.85, 1.15)
    image = np.stack([0.72 * tone * light, 0.36 * tone * light, 0.16 * tone * light], axis=-1)
    to_disc = np.hypot(x - disc[0], y - disc[1])
    image += (0.28 / (1 + np.exp((to_disc - 0.065) * 180)))[:, :, None] * np.array([0.9, 1.2, 0.8])
    to_macula = np.hypot(x - (1 - disc[0]) * 0.6 - 0.2, y - 0.5)
    image *= 1 - 0.3 * np.exp(-((to_macula / 0.07) ** 2))[:, :, None]
    for _ in range(rng.integers(4, 10)):  # haemorrhages and exudates: round, so that shape tells them from vessels
        centre, spot = rng.uniform(0.2, 0.8, 2), rng.uniform(0.004, 0.012)
        image += rng.choice([-0.12, 0.18]) * np.exp(-(((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / spot**2))[:, :, None]
    depth = cv2.GaussianBlur(coverage, (0, 0), max(size / 500, 0.4)).astype(float)[:, :, None] / 255
    image *= 1 - depth * np.array([0.28, 0.55, 0.35]) * rng.uniform(0.8, 1.1)
    reflex = _draw_vessels(segments[segments[:, 4] > 0.012] * (1, 1, 1, 1, 0.25), size)[:, :, None] / 255
    image += 0.06 * reflex
    image += rng.normal(0, 0.012, image.shape) + cv2.GaussianBlur(rng.normal(0, 0.2, (size, size)), (0, 0), size / 40)[:, :, None]
    image = np.where(fov[:, :, None], image, rng.normal(0.015, 0.004, image.shape))
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8), label.astype(np.uint8) * 255, fov.astype(np.uint8) * 255


def write_drive_layout(folder: str | Path, training: int = 20, test: int = 20, size: int = 256, seed: int = 0) -> Path:
    """Write synthetic pictures under DRIVE's file names (``training`` from id 21 on, ``test`` from 1 on).

    Args:
        folder (str | Path): Made if needed; files of the same name are replaced.
        training, test (int): Pictures of each part.
        size (int): Height and width in pixels.
        seed (int): Of the first picture; each has its own.

    Returns:
        Path: ``folder``.
    """
    folder = Path(folder)
    for part, first, count in (('training', 21, training), ('test', 1, test)):
        for name in ('images', '1st_manual', 'mask'):
            (folder / part / name).mkdir(parents=True, exist_ok=True)
        for i in range(first, first + count):
            picture, label, fov = synthetic_fundus(seed * 1000 + i, size)
            Image.fromarray(picture).save(folder / part / 'images' / f'{i:02d}_{part}.tif')
            Image.fromarray(label).save(folder / part / '1st_manual' / f'{i:02d}_manual1.gif')
            Image.fromarray(fov).save(folder / part / 'mask' / f'{i:02d}_{part}_mask.gif')
    return folder


def write_fives_layout(folder: str | Path, training: int = 20, test: int = 20, size: int = 256, seed: int = 0) -> Path:
    """Write synthetic pictures in the guide's FIVES folders (no field-of-view masks); arguments as :func:`write_drive_layout`."""
    folder = Path(folder)
    for part, first, count in (('train', 1, training), ('test', 1001, test)):
        for name in ('images', 'annotations'):
            (folder / name / part).mkdir(parents=True, exist_ok=True)
        for i in range(first, first + count):
            picture, label, _ = synthetic_fundus(seed * 1000 + i, size)
            Image.fromarray(picture).save(folder / 'images' / part / f'{i}_N.png')
            Image.fromarray(label).save(folder / 'annotations' / part / f'{i}_N.png')
    return folder

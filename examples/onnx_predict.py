"""Vessels in a photograph, from an exported ONNX file, with numpy, Pillow and onnxruntime alone: no torch, no mmseg_fundus.

Example:
    python examples/onnx_predict.py vessels.onnx eye.jpg --fov eye_mask.png --out vessels

The file knows how it is meant to predict: windows or the whole picture, scale, flips and turns that are averaged, threshold.  Without
--fov the field of view is what is brighter than a share of the middle: simple, and wrong at dark rims; tools/predict.py finds it better.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image


def simple_fov(picture):
    bright = picture.max(axis=2)
    lit = bright > 0.15 * np.median(bright[tuple(slice(side // 4, side - side // 4) for side in bright.shape)])
    return np.logical_or.accumulate(lit, axis=1) & np.logical_or.accumulate(lit[:, ::-1], axis=1)[:, ::-1]


def box_around(fov):
    rows, columns = (np.flatnonzero(fov.any(axis=axis)) for axis in (1, 0))
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else tuple(map(slice, fov.shape))


def resize_antialiased(image, size, method=Image.Resampling.BILINEAR):
    return np.stack([np.asarray(Image.fromarray(channel).resize(size[::-1], method)) for channel in image])


def resize_plain(values, size, align_corners):  # bilinear without antialiasing, as torch brings logits back
    for axis in (0, 1):
        old, new = values.shape[axis], size[axis]
        place = np.linspace(0, old - 1, new) if align_corners else ((np.arange(new) + 0.5) * old / new - 0.5).clip(0, old - 1)
        low = place.astype(int)
        part = np.expand_dims((place - low).astype(np.float32), 1 - axis)
        values = values.take(low, axis) * (1 - part) + values.take(np.minimum(low + 1, old - 1), axis) * part
    return values


def window_starts(length, window, stride):
    count = -(-(length - window) // stride) + 1  # rounded up
    return [round(i * (length - window) / max(count - 1, 1)) for i in range(count)]


def network(session, images):
    """Log odds of vessel ``(N, H, W)`` of RGB pictures ``(3, H, W)``, float32 of 0 to 255; the session has ``'probability'`` as well."""
    return session.run(['log_odds'], {'picture': np.stack(images)})[0][:, 0]


def on_a_terminal(poses):
    """A function that shows how many poses are done, what share of the next, and the time left; nothing where nobody looks."""
    begin = time.monotonic()

    def tell(done, share):
        if sys.stderr.isatty():
            share = (done + share) / poses
            left = (time.monotonic() - begin) * (1 - share) / share
            print(f'\r{share:4.0%}, {left:.0f} s left   ', end='' if share < 1 else '\n', file=sys.stderr, flush=True)

    return tell


def slide(session, image, fov, facts, tell):
    """Log odds ``(H, W)`` by overlapping windows, blended with a raised cosine; -20 where none of them sees anything of the eye."""
    h, w = (min(side, length) for side, length in zip(facts['crop_size'], fov.shape))
    rows, columns = (window_starts(*sides) for sides in zip(fov.shape, (h, w), facts['stride']))
    places = [(y, x) for y in rows for x in columns if fov[y : y + h, x : x + w].any()]
    weight = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 + 1e-3 for n in (h, w))).astype(np.float32)
    total, weights = np.zeros((2, *fov.shape), np.float32)
    for first in range(0, len(places), facts['window_batch']):
        batch = places[first : first + facts['window_batch']]
        for (y, x), tile in zip(batch, network(session, [image[:, y : y + h, x : x + w] for y, x in batch])):
            total[y : y + h, x : x + w] += weight * tile
            weights[y : y + h, x : x + w] += weight
        tell((first + len(batch)) / len(places))
    return np.where(weights > 0, total / np.maximum(weights, 1e-12), np.float32(-20))


def predict_pose(session, image, fov, facts, scale, lying, tell):
    """Log odds ``(H, W)`` of a picture that is mirrored and turned already (``lying``: by a quarter)."""
    native, sliding = image.shape[1:], facts['mode'] == 'slide'
    size = native if sliding or not facts['size'] else facts['size'][:: -1 if lying else 1]
    size = tuple(max(round(side * scale), 1) for side in size)
    if size != native:
        image = resize_antialiased(image, size)
        fov = resize_antialiased([fov.astype(np.float32)], size, Image.Resampling.BOX)[0] > 0
    log_odds = slide(session, image, fov, facts, tell) if sliding else network(session, [image])[0]
    if not sliding:
        tell(1)
    return log_odds if size == native else resize_plain(log_odds, native, facts['align_corners'])


def predict(session, picture, fov, field_angle=45.0):
    """Probability of vessel ``(H, W)`` of a picture ``(H, W, 3)`` uint8 RGB with its field of view ``(H, W)`` bool, and the threshold."""
    facts = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    box, scale = box_around(fov), 1.0
    if facts['pixels_per_degree']:
        least, most = np.broadcast_to(facts['pixels_per_degree'], 2)  # one number, or two bounds
        own = max(side.stop - (side.start or 0) for side in box) / field_angle
        scale = float(np.clip(own, least, most) / own)
        scale = 1.0 if abs(scale - 1) < 0.03 else scale
    box = box if facts['crop_to_fov'] else (slice(None), slice(None))
    image, inside, mean = picture[box].transpose(2, 0, 1).astype(np.float32), fov[box], 0
    tell = on_a_terminal(len(facts['poses']))
    for done, (pose_scale, mirror, turns) in enumerate(facts['poses']):
        posed = [np.rot90(array[..., ::-1] if mirror else array, turns, (-2, -1)) for array in (image, inside)]
        log_odds = np.rot90(
            predict_pose(session, *posed, facts, scale * pose_scale * facts['zoom'], turns % 2 == 1, partial(tell, done)), -turns
        )
        mean = mean + (0.5 + 0.5 * np.tanh((log_odds[:, ::-1] if mirror else log_odds) / 2)) / len(facts['poses'])  # softmax
    probability = np.zeros(fov.shape, np.float32)
    probability[box] = np.where(inside, mean, 0)
    return probability, facts['threshold']


def main():
    parser = argparse.ArgumentParser(description='Find the vessels of a fundus photograph with an exported model.')
    parser.add_argument('model', help='ONNX file of tools/export.py')
    parser.add_argument('picture', type=Path, help='photograph')
    parser.add_argument('--fov', help='mask of the field of view, 0 outside (default: found in a simple way)')
    parser.add_argument('--field-angle', type=float, default=45.0, help='degrees of the eye that the field of view shows (default: 45)')
    parser.add_argument('--out', type=Path, default=Path('.'), help='folder for <name>_probability.png and <name>_mask.png (default: .)')
    args = parser.parse_args()
    picture = np.asarray(Image.open(args.picture).convert('RGB'))
    fov = np.asarray(Image.open(args.fov).convert('L')) > 0 if args.fov else simple_fov(picture)
    if fov.shape != picture.shape[:2]:
        parser.error(f'{args.fov} is {fov.shape}, {args.picture} is {picture.shape[:2]}')
    session = onnxruntime.InferenceSession(args.model, providers=['CPUExecutionProvider'])
    probability, threshold = predict(session, picture, fov, args.field_angle)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, values in (('probability', np.round(255 * probability)), ('mask', 255 * (probability > threshold))):
        Image.fromarray(values.astype(np.uint8)).save(args.out / f'{args.picture.stem}_{name}.png')


if __name__ == '__main__':
    main()

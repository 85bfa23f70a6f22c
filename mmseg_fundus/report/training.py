"""Training curves of a work folder, from what mmengine's backends wrote there."""

import json
import math
from pathlib import Path

from ..errors import DataError
from ..fileio.reading import MOST_JSON, read_bytes
from ..results import Trained
from .values import number

SHOWN = ('train/', 'val/')
EVENTS = 'events.out.tfevents.*'
Curves = dict[str, list[tuple[float, float]]]  # tag to (step, value) pairs


def training_curves(folder: Path) -> Curves:
    """Curves of the training in a work folder.

    Each start has a folder of its own.  A start that goes on behind another one's first step continued it (``--resume``); one that
    began anew replaces it.

    Args:
        folder (Path): Work folder; in ``<start time>`` TensorBoard's events, in ``<start time>/vis_data`` ``scalars.json``.

    Returns:
        dict: Tag (``train/loss``, ``val/Dice`` ...; ``epoch`` of training steps) to ``(step, value)`` pairs; steps of ``val/`` are epochs
        where there is ``epoch``.  Empty without a training.
    """
    curves: Curves = {}
    starts = {path for path in folder.glob('*/vis_data') if path.is_dir()}
    for start in sorted({path.parent for path in starts} | {path.parent for path in folder.glob(f'*/{EVENTS}')}):
        found = _from_json(start / 'vis_data/scalars.json') or _from_events(start) or _from_events(start / 'vis_data')
        found = {tag: pairs for tag, pairs in found.items() if tag.startswith(SHOWN) or tag == 'epoch'}
        first = _first_step(found)
        if first is None:
            continue  # a test's
        earlier = _first_step(curves)
        if earlier is not None and first <= earlier:
            curves = {}
        for tag, pairs in found.items():
            curves[tag] = [pair for pair in curves.get(tag, []) if pair[0] < pairs[0][0]] + pairs
    return curves


def _first_step(curves: Curves) -> float | None:
    return min((pairs[0][0] for tag, pairs in curves.items() if tag.startswith('train/')), default=None)


def _from_json(path: Path) -> Curves:
    """Scalars of ``LocalVisBackend``: a line of JSON for each time of writing; a last line cut short is passed over."""
    curves: Curves = {}
    try:
        lines = read_bytes(path, MOST_JSON).decode('utf-8', 'replace').splitlines()
    except DataError:
        return {}
    for line in lines:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        step = number(values.get('step')) if isinstance(values, dict) else None
        if step is None:
            continue
        for tag, value in values.items():
            if number(value) is not None:
                curves.setdefault(tag, []).append((step, float(value)))
    return curves


def _from_events(folder: Path) -> Curves:
    """Scalars of ``TensorboardVisBackend``."""
    files = list(folder.glob(EVENTS))
    if not files or not all(file.is_file() for file in files):  # a pipe would be waited for
        return {}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={'scalars': 0, 'images': 1})
    try:
        events.Reload()
        curves = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()['scalars']}
    except Exception:  # a damaged file, of which its reader says nearly anything
        return {}
    finite = {tag: [pair for pair in pairs if None not in map(number, pair)] for tag, pairs in curves.items()}
    return {tag: pairs for tag, pairs in finite.items() if pairs}


def steps_per_epoch(curves: Curves, trained: Trained) -> float | None:
    """Training steps of an epoch: from what the results say, else from the curves; ``None`` if epochs are not counted."""
    steps, epochs = number(trained.steps), number(trained.epochs)
    if 'epoch' not in curves:
        return None
    if steps and epochs and steps > 0 and 0 < steps / epochs < 1e15:
        return steps / epochs
    return max(math.ceil(max((step / epoch for step, epoch in curves['epoch'] if epoch and abs(step / epoch) < 1e15), default=1)), 1)


def thinned(pairs: list[tuple[float, float]], count: int = 300) -> list[tuple[float, float]]:
    """At most ``count`` points: means of as many equal stretches, in place of more."""
    if len(pairs) <= count:
        return pairs
    edges = [round(i * len(pairs) / count) for i in range(count + 1)]
    stretches = [pairs[a:b] for a, b in zip(edges, edges[1:])]
    return [(sum(x for x, _ in stretch) / len(stretch), sum(y for _, y in stretch) / len(stretch)) for stretch in stretches]

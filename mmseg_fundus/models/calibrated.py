"""A checkpoint whose probabilities are calibrated: scale and shift of the log odds of vessel are in its last layer."""

from pathlib import Path
from typing import Any

from torch import Tensor

from ..classes import VESSEL
from ..errors import CheckpointError
from ..evaluation.recalibration import Recalibration

LAYER = 'decode_head.conv_seg'  # of every head of mmseg, of each member of an ensemble


def calibrated(found: dict[str, Any], fitted: Recalibration, on: list[dict[str, Any]], path: str | Path) -> dict[str, Any]:
    """A checkpoint with a calibration in it.  Nothing but the model and what is known of it is kept: no training can go on from here.

    Args:
        found (dict): Of :func:`.checkpoints.read_trained`; not changed.
        fitted (Recalibration): Goes into weight and bias of the last layer, and its threshold into ``meta['threshold']``.
        on (list[dict]): What it was fitted on, plain values; kept in ``meta['calibration']``.
        path (str | Path): Of the checkpoint, for messages.

    Returns:
        dict: ``state_dict`` and ``meta``.

    Raises:
        CheckpointError: If it is calibrated already, or has no last layer that can take it.
    """
    meta = found.get('meta') or {}
    if 'calibration' in meta:
        raise CheckpointError(f'{path} is calibrated already; take the file that the training wrote')
    state: dict[str, Tensor] = dict(found['state_dict'])
    layers = [name.removesuffix('.weight') for name in state if name.endswith(f'{LAYER}.weight')]
    if not layers or not all(f'{layer}.bias' in state for layer in layers):
        raise CheckpointError(f'{path} has no {LAYER}.weight and .bias, which a calibration goes into; its head is another one')
    for layer in layers:
        shifted = state[f'{layer}.bias'] * fitted.scale
        shifted[VESSEL] += fitted.shift
        state.update({f'{layer}.weight': state[f'{layer}.weight'] * fitted.scale, f'{layer}.bias': shifted})
    about = dict(scale=fitted.scale, shift=fitted.shift, error_before=fitted.error_before, error_after=fitted.error_after, on=on)
    threshold = {
        'threshold': fitted.threshold,
        'Dice': round(fitted.dice, 6),
        'class': ', '.join(str(one.get('data')) for one in on),
        'split': ', '.join(dict.fromkeys(str(one.get('split')) for one in on)),
        'pictures': int(sum(one.get('pictures') or 0 for one in on)),
    }
    return {'meta': {**meta, 'calibration': about, 'threshold': threshold}, 'state_dict': state}

"""What is written of a prediction, by kind, and how."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..choices import OUTPUTS
from ..classes import MOST_SPREAD
from ..errors import ConfigError
from ..evaluation.mask_writer import save_grey
from ..measurement import quality_flags
from ..measurement.table import table_text
from ..results import without_nan
from ..visualization import LAYER_OPACITY, shrunk, thumbnail, vessel_layer

if TYPE_CHECKING:
    from .prediction import VesselPrediction

SHOWN = 'index/photograph'  # is written last: a picture that has it is on the page
PREVIEWS = {'index/vessels': 'png', 'index/thumbnail': 'jpg', SHOWN: 'jpg'}  # of each picture, for ``index``
FLAGS = 'flags'  # the one measurement that is no number

Writer = Callable[[Path], Any]


def write_output(kind: str, suffix: str, prediction: 'VesselPrediction') -> Writer:
    """What writes one output of a prediction into a file.

    Args:
        kind (str): Of :data:`.choices.OUTPUTS` (not ``index``) or :data:`PREVIEWS`.
        suffix (str): Of the file; decides the format.
        prediction (VesselPrediction): Of one picture.

    Raises:
        ConfigError: If it is the uncertainty of a single network.
    """
    match kind:
        case 'mask':
            return _image(prediction.mask.astype(np.uint8) * 255)
        case 'fov':
            return _image(prediction.fov.astype(np.uint8) * 255)
        case 'probability':
            return _map(prediction.probability, suffix, 'probability')
        case 'uncertainty':
            if prediction.spread is None:
                raise ConfigError(
                    f'{prediction.name}: there is no uncertainty in the prediction of a single network; give several checkpoints'
                )
            return _map(prediction.spread, suffix, 'spread', MOST_SPREAD)
        case 'overlay':
            return _image(prediction.draw(), quality=90)
        case 'measurements':
            quality = prediction.quality
            found = {**prediction.measurements, **quality, FLAGS: '; '.join(quality_flags(quality))}
            text = json.dumps(without_nan(found), indent=2) + '\n'
            return lambda path: path.write_text(text)
        case 'segments':
            rows = [(str(i), row) for i, row in enumerate(prediction.segments, 1)]
            return lambda path: path.write_text(table_text(rows, of='segment') if rows else 'segment\n')
        case 'index/photograph':
            return _image(shrunk(prediction.picture), quality=85)
        case 'index/vessels':
            return partial(vessel_layer(prediction.mask, prediction.fov).save, format='PNG', transparency=LAYER_OPACITY)
        case 'index/thumbnail':
            return _image(thumbnail(prediction.picture, prediction.mask), quality=80)
    raise ConfigError(f'{kind} is no output of a picture; use some of {list(OUTPUTS)}')


def _image(pixels: np.ndarray, quality: int | None = None) -> Writer:
    """A JPEG of a ``quality``, or a PNG."""
    image = Image.fromarray(pixels)
    return partial(image.save, format='PNG') if quality is None else partial(image.save, format='JPEG', quality=quality)


def _map(values: np.ndarray, suffix: str, key: str, most: float = 1.0) -> Writer:
    if suffix == 'npz':
        return lambda path: _save_npz(path, **{key: values.astype(np.float16)})
    return lambda path: save_grey(path, values, most)


def _save_npz(path: Path, **arrays: np.ndarray) -> None:
    with open(path, 'wb') as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

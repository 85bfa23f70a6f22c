"""Whether an exported model computes what PyTorch does."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..classes import vessel_log_odds, vessel_probability
from ..datasets.synthetic import synthetic_fundus
from ..errors import FundusError
from ..models.segmentors import VesselSegmentor

SIZES = ((1, 224, 224), (2, 192, 320), (1, 117, 161))  # pictures, height, width; the last needs padding on both sides
TOLERANCE = 1e-4  # of probabilities
_RELATIVE = 1e-3  # of log odds, to the largest: where all probabilities are 0 they say nothing


class ExportError(FundusError):
    """An export that is impossible, or that does not compute what the model does."""


class Difference(NamedTuple):
    """Largest absolute differences of an exported model from PyTorch on pictures of one size."""

    size: tuple[int, int, int]
    probability: float
    log_odds: float
    largest: float  # log odds, of PyTorch

    def passes(self) -> bool:
        """Whether both are small; not a number never is."""
        return self.probability < TOLERANCE and self.log_odds < _RELATIVE * max(self.largest, 1.0)

    def __str__(self) -> str:
        number, height, width = self.size
        return f'{number} x {height} x {width}: probability {self.probability:.1e}, log odds {self.log_odds:.1e} (of {self.largest:.1f})'


@torch.no_grad()
def compare(
    model: VesselSegmentor, run: Callable[[np.ndarray], Sequence[np.ndarray]], sizes: Sequence[tuple[int, int, int]] = SIZES
) -> list[Difference]:
    """Run an exported model beside the segmentor it was made of, on synthetic photographs.

    Args:
        model (VesselSegmentor): In eval mode, computing in float32 on the CPU.
        run (callable): RGB pictures ``(N, 3, H, W)`` float32 to probability and log odds ``(N, 1, H, W)``, arrays.
        sizes (Sequence[tuple[int]]): ``(N, H, W)`` each.

    Returns:
        list[Difference]: One for each size.

    Raises:
        ExportError: If one of them does not pass, or an output has another shape.
    """
    differences = []
    for number, height, width in sizes:
        side = max(height, width, 32)
        pictures = [synthetic_fundus(seed, side)[0][:height, :width] for seed in range(number)]
        bgr = [torch.from_numpy(picture[:, :, ::-1].transpose(2, 0, 1).copy()) for picture in pictures]
        logits = model._forward(model.data_preprocessor(dict(inputs=bgr), False)['inputs'])
        wanted = [vessel_probability(logits)[:, None].numpy(), vessel_log_odds(logits).numpy()]
        found = run(np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32))
        shapes = [array.shape for array in (*found, *wanted)]
        if len(set(shapes)) > 1:
            raise ExportError(f'the exported model gives {shapes[0]} where PyTorch gives {shapes[-1]}: it was traced with fixed sizes')
        probability, log_odds = (float(np.abs(a - b).max()) for a, b in zip(found, wanted))
        differences.append(Difference((number, height, width), probability, log_odds, float(np.abs(wanted[1]).max())))
    failed = [str(difference) for difference in differences if not difference.passes()]
    if failed:
        raise ExportError(f'the exported model is not the same as PyTorch, nothing was kept. Largest differences: {"; ".join(failed)}')
    return differences

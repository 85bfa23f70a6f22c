import contextlib
import copy
import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from mmseg.models.utils import Upsample
from torch import Tensor, nn

from ..classes import vessel_log_odds
from ..errors import ConfigError
from ..models.encoders.adapt import merge_adapters
from ..models.segmentors import VesselSegmentor
from ..models.segmentors.norms import norms_in_convolutions


class PlainGraph(nn.Module):
    """A copy of a segmentor that can be traced, in float32 on the CPU: logits of normalised pictures.

    Args:
        model (VesselSegmentor): With its weights; copied, not changed.

    Attributes:
        model (VesselSegmentor): The copy; an adapter of its encoder is merged into the weights.

    Shapes:
        Input: normalised ``(N, 3, H, W)`` float32; any N, H and W.
        Output: logits ``(N, classes, H, W)``, those of all members of an ensemble one behind the other.

    Raises:
        ConfigError: If the model is no ``VesselSegmentor``.
    """

    outputs: tuple[str, ...] = ('logits',)

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        if not isinstance(model, VesselSegmentor):
            raise ConfigError(f'only a VesselSegmentor can be exported, the config has model.type={type(model).__name__!r}')
        self.model = copy.deepcopy(model).cpu().float().eval().requires_grad_(False)
        self.model.precision = 'float32'
        norms_in_convolutions(self.model, on=False)  # the engine that runs the file does it by itself
        merge_adapters(self.model)
        self.model.encoder.make_plain()
        self.eval()  # torch sets what it exports back to the mode it had, parts and all

    def forward(self, picture: Tensor) -> Any:
        """Logits; see the class for shapes."""
        return self.model.encode_decode(picture)

    def example(self) -> Tensor:
        """An input to trace with: two pictures, padded on both sides, with another grid than the (square) position table's."""
        patch = self.model.encoder.patch_size
        return 255 * torch.rand(2, 3, 5 * patch - patch // 2, 7 * patch - patch // 3)


class VesselGraph(PlainGraph):
    """A segmentor as one function of a photograph: normalisation, padding, encoder, decoder, softmax, all in float32 on the CPU.

    Args:
        model (VesselSegmentor): With its weights; copied, not changed.

    Shapes:
        Input: ``(N, 3, H, W)`` float32 of 0 to 255, RGB; any N, H and W.
        Output: probability of vessel ``(N, 1, H, W)``, and its log odds ``(N, 1, H, W)``: logits of vessel minus background.

    Raises:
        ConfigError: If the model is no ``VesselSegmentor``.
    """

    outputs = ('probability', 'log_odds')

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        preprocessor = self.model.data_preprocessor
        names = ('channel_conversion', '_channel_conversion')  # upstream's, the continuation's
        self.takes_bgr = not any(getattr(preprocessor, name, False) for name in names)  # pictures are read as BGR, and stay so
        if hasattr(preprocessor, 'mean'):
            self.register_buffer('mean', preprocessor.mean.float().view(1, 3, 1, 1).clone())
            self.register_buffer('std', preprocessor.std.float().view(1, 3, 1, 1).clone())
        else:
            self.mean, self.std = 0.0, 1.0

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Probability and log odds of vessel; see the class for shapes."""
        if self.takes_bgr:
            picture = picture.flip(1)
        log_odds = vessel_log_odds(self.model._forward((picture - self.mean) / self.std))
        return log_odds.sigmoid(), log_odds


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Traces sizes as they are computed, without a word.

    mmseg's ``Upsample`` (in ``SETRMLAHead``) turns the size of its input into plain numbers, which a trace would keep as they were.
    The other numbers that a trace keeps, which torch warns of, are the same for every size; :func:`.check.compare` looks.
    """
    forward = Upsample.forward
    Upsample.forward = _upsample
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter('ignore')
            yield
    finally:
        Upsample.forward = forward


def _upsample(self: Upsample, x: Tensor) -> Tensor:
    if self.size:
        return F.interpolate(x, size=self.size, mode=self.mode, align_corners=self.align_corners)
    return F.interpolate(x, scale_factor=self.scale_factor, mode=self.mode, align_corners=self.align_corners, recompute_scale_factor=True)

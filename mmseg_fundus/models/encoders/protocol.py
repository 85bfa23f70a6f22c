"""What everything else may ask an encoder."""

from typing import Any, Protocol

from torch import Tensor, nn

from ...families import Normalisation
from .weights import EncoderWeights


class Encoder(Protocol):
    """A picture in, maps out; in most cases frozen.

    :class:`.frozen.FrozenEncoder` keeps the contract for a new encoder that inherits from it.  :func:`.contract.encoder_of` hands out a
    backbone itself if it keeps the contract, or else an adapter, so that nobody has to ask whether a member exists.
    """

    @property
    def source(self) -> EncoderWeights | None:
        """The weights file that its tensors were read from; ``None`` if there is none."""

    @property
    def patch_size(self) -> int:
        """Pictures are padded to multiples of it (pixels); 1 if it is not known."""

    @property
    def embed_dims(self) -> int:
        """Channels of a map; 0 if that is not known."""

    @property
    def normalisation(self) -> Normalisation | None:
        """What its pictures were normalised with when it was trained; ``None`` if that is not known."""

    @property
    def has_weights(self) -> bool:
        """Whether it can run: ``False`` until a checkpoint brings its tensors."""

    @property
    def in_weights_file(self) -> bool:
        """Whether all of :meth:`own_tensors` can be read again from the file of :attr:`source`: none is trained or changed."""

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        """The parameters that require a gradient, by name, those of what was put around or into the encoder among them."""

    def own_tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers that it was built with, by their names then: without adapters that were put in since."""

    def fingerprint(self) -> bytes:
        """SHA-256 of :meth:`own_tensors`, names and values (32 bytes)."""

    def identity(self) -> dict[str, Any] | None:
        """All that decides the maps of a given input, in plain values; ``None`` if it cannot be told (see :meth:`why_unknown`)."""

    def why_unknown(self) -> str | None:
        """Why :meth:`identity` cannot tell its maps from those of another encoder, in words; ``None`` if it can."""

    def map_shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        """``(levels, h, w, channels)`` of the maps of an input of this size in pixels.

        Raises:
            ConfigError: If that cannot be known without running it.
        """

    def check_trainable(self) -> None:
        """Raise :class:`ConfigError` if what it was asked to train is not trained, or the other way around."""

    def make_plain(self) -> None:
        """From now on compute in float32 and uncompiled, as an exporter needs it."""

    def __call__(self, inputs: Tensor, /) -> tuple[Tensor, ...]:
        """Maps ``(N, C, h, w)`` of normalised pictures ``(N, 3, H, W)``, one for each level."""


class ToldEncoder(Encoder, Protocol):
    """An encoder that is told what each of its inputs shows, see :meth:`.VesselSegmentor.use_encoder`."""

    def __call__(self, inputs: Tensor, shown: list[Any] | None = None, /) -> tuple[Tensor, ...]:
        """Maps ``(N, C, h, w)`` of normalised pictures ``(N, 3, H, W)``, one for each level."""

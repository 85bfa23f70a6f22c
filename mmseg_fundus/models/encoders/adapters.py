"""Backbones that are no encoders of ours, or have one in them, made to keep the contract (see :mod:`.protocol`)."""

from typing import Any

from torch import Tensor, nn

from ...errors import ConfigError
from ...families import Normalisation
from ...fileio.checksum import tensors_sha256
from .identity import UnknownError, code_of
from .protocol import Encoder
from .weights import EncoderWeights

# what a class of one's own must have at least; the others have a default in FrozenEncoder and in CoreEncoder
CORE = ('source', 'fingerprint', 'identity', 'map_shape', 'patch_size', 'embed_dims', 'trainable', 'normalisation')


class _Adapter:
    """The parts that are the same for both: the whole backbone is run, and its maps cannot be told from others."""

    def __init__(self, backbone: nn.Module) -> None:
        self.backbone = backbone

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        return {name: parameter for name, parameter in self.backbone.named_parameters() if parameter.requires_grad}

    def identity(self) -> dict[str, Any] | None:
        return None

    def why_unknown(self) -> str | None:
        return f'the backbone {type(self.backbone).__name__} cannot be told from others: its class does not define identity()'

    def __call__(self, inputs: Tensor, /) -> tuple[Tensor, ...]:
        maps: tuple[Tensor, ...] = self.backbone(inputs)
        return maps


class WrappedEncoder(_Adapter):
    """An encoder inside a wrapper: it answers for its own tensors, the wrapper for what is trained and computed.

    Args:
        backbone (nn.Module): The wrapper, such as mmpretrain's ``LoRAModel``.
        encoder (Encoder): In it.
    """

    def __init__(self, backbone: nn.Module, encoder: Encoder) -> None:
        super().__init__(backbone)
        self.inner = encoder

    @property
    def source(self) -> EncoderWeights | None:
        return self.inner.source

    @property
    def patch_size(self) -> int:
        return self.inner.patch_size

    @property
    def embed_dims(self) -> int:
        return self.inner.embed_dims

    @property
    def normalisation(self) -> Normalisation | None:
        return self.inner.normalisation

    @property
    def has_weights(self) -> bool:
        return self.inner.has_weights

    @property
    def in_weights_file(self) -> bool:
        return self.inner.in_weights_file

    def own_tensors(self) -> dict[str, Tensor]:
        return self.inner.own_tensors()

    def fingerprint(self) -> bytes:
        return self.inner.fingerprint()

    def map_shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        return self.inner.map_shape(height, width)

    def check_trainable(self) -> None:
        self.inner.check_trainable()

    def make_plain(self) -> None:
        self.inner.make_plain()


class ForeignBackbone(_Adapter):
    """A backbone that knows nothing of the contract, such as mmseg's ``ResNet``.

    Args:
        backbone (nn.Module): Any.
        missing (list[str]): Members that its class lacks, if it looks as if it were meant to keep the contract.
    """

    source = None
    normalisation = None
    has_weights = True
    in_weights_file = False

    def __init__(self, backbone: nn.Module, missing: list[str]) -> None:
        super().__init__(backbone)
        self._missing = missing

    @property
    def patch_size(self) -> int:
        """What mmseg's and mmpretrain's ViTs have under this name: a number, or a square pair."""
        sides = getattr(self.backbone, 'patch_size', 1)
        sides = set(sides) if isinstance(sides, (tuple, list)) else {sides}
        side = sides.pop() if len(sides) == 1 else 1
        return side if isinstance(side, int) else 1

    @property
    def embed_dims(self) -> int:
        width = getattr(self.backbone, 'embed_dims', 0)
        return width if isinstance(width, int) else 0

    def own_tensors(self) -> dict[str, Tensor]:
        return dict(self.backbone.state_dict(keep_vars=True))

    def fingerprint(self) -> bytes:
        return tensors_sha256(self.own_tensors())

    def why_unknown(self) -> str | None:
        if self._missing:
            name = type(self.backbone).__name__
            return f'the backbone {name} keeps only a part of the contract of encoders (missing: {", ".join(self._missing)})'
        return super().why_unknown()

    def map_shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        raise ConfigError(
            f'the sizes of the maps of {type(self.backbone).__name__} are not known: its class has no map_shape(height, width)'
        )

    def check_trainable(self) -> None:
        pass

    def make_plain(self) -> None:
        pass


class CoreEncoder(_Adapter):
    """A backbone whose class has the core of the contract (:data:`CORE`) and does not inherit from :class:`.frozen.FrozenEncoder`.

    It is cached by its own ``identity()``.  Checkpoints hold all of it: that its file has every tensor is not known.

    Args:
        backbone (nn.Module): With the members of the core.
    """

    has_weights = True
    in_weights_file = False

    @property
    def source(self) -> EncoderWeights | None:
        source = self.backbone.source
        return source if isinstance(source, EncoderWeights) else None

    @property
    def patch_size(self) -> int:
        return int(self.backbone.patch_size)  # type: ignore[arg-type]

    @property
    def embed_dims(self) -> int:
        return int(self.backbone.embed_dims)  # type: ignore[arg-type]

    @property
    def normalisation(self) -> Normalisation | None:
        found = self.backbone.normalisation
        return found if isinstance(found, Normalisation) else None

    def own_tensors(self) -> dict[str, Tensor]:
        return dict(self.backbone.state_dict(keep_vars=True))

    def fingerprint(self) -> bytes:
        return bytes(self.backbone.fingerprint())  # type: ignore[operator]

    def identity(self) -> dict[str, Any] | None:
        if self.why_unknown():
            return None
        return {
            'class': f'{type(self.backbone).__module__}.{type(self.backbone).__qualname__}',
            'code': code_of(self.backbone),
            'tensors': tensors_sha256(self.own_tensors()).hex(),  # also where its own fingerprint leaves some out
            'says': self._says(),
        }

    def _says(self) -> Any:
        return self.backbone.identity()  # type: ignore[operator]

    def why_unknown(self) -> str | None:
        name = type(self.backbone).__name__
        if self._says() is None:
            return f'the identity() of the backbone {name} is None, its maps cannot be told from those of another'
        if any(part._forward_hooks or part._forward_pre_hooks for part in self.backbone.modules()):
            return f'something was hooked on the encoder {name}, which may change its maps'
        try:
            code_of(self.backbone)
        except UnknownError as reason:
            return f'the backbone {name} cannot be told from others: {reason}'
        return None

    def map_shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        levels, high, wide, channels = self.backbone.map_shape(height, width)  # type: ignore[operator]
        return int(levels), int(high), int(wide), int(channels)

    def check_trainable(self) -> None:
        pass

    def make_plain(self) -> None:
        pass

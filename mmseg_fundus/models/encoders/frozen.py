"""The one implementation of the contract: a base for encoders, ours and others'."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ...errors import CheckpointError, ConfigError, WeightsError
from ...families import Normalisation
from ...fileio.checksum import tensors_sha256
from ..padding import padded
from .adapt import adapt_layers
from .blocks import blocks_of
from .identity import UnknownError, check_plain, code_of, settings_of
from .trained import is_as_built, is_trained, names_in, persistent_buffers, train_where_trained
from .weights import FROM_CHECKPOINT, RANDOM, EncoderWeights, check_given, load_exact, weights_of

Self = TypeVar('Self', bound='FrozenEncoder')


class FrozenEncoder(nn.Module):
    """Base of an encoder that is loaded exactly and then left alone; keeps the contract :class:`.protocol.Encoder`.

    A new encoder is a class that

    - is registered in mmseg's ``MODELS``;
    - builds its parts in the constructor, keeps each of its arguments as the attribute of that name, sets :attr:`patch_size`,
      :attr:`embed_dims` and :attr:`levels`, reads its weights (:meth:`load_weights`) and ends with :meth:`freeze`;
    - defines :meth:`encode`.

    Then it is trained with, cached, resumed, saved slim, tested, exported as ours.  Frozen means: no parameter requires a gradient, every
    frozen part is in eval mode whatever ``train()`` is called, the forward pass keeps no graph.  ``requires_grad`` of the parameters
    decides, whoever sets it.

    Attributes:
        patch_size (int): Pixels; pictures are padded (right, bottom, zeros) to multiples of it before :meth:`encode` sees them.
        embed_dims (int): Channels of each map.
        levels (int): Number of maps.
        source (EncoderWeights, optional): The file, once read.
        has_weights (bool): ``False`` if a checkpoint is yet to bring the weights; then a forward pass is an error.
        normalisation (Normalisation, optional): That of the file's family; a class attribute of a subclass replaces it.
    """

    patch_size: int
    embed_dims: int
    levels: int
    source: EncoderWeights | None = None
    has_weights: bool = True
    _own: dict[str, Tensor] | None = None  # parameters as built, by name; buffers by the module that has them, which may replace them
    _own_buffers: dict[str, tuple[nn.Module, str]]
    _loaded: bytes | None = None  # fingerprint as read from the file
    _asked: tuple[str, list[Tensor]] = ('', [])

    # ---- what a subclass defines or calls

    def encode(self, inputs: Tensor) -> Iterable[Tensor]:
        """Maps ``(N, embed_dims, H / patch_size, W / patch_size)`` of pictures whose sides are multiples of ``patch_size``."""
        raise ConfigError(f'the encoder {type(self).__name__} has no encode(self, inputs), which makes its maps; see docs/extending.md')

    def settings(self) -> dict[str, Any]:
        """What beside the weights decides the maps, in plain values: the constructor's arguments, from attributes of their names."""
        return settings_of(self)

    def without_file(self) -> dict[str, Any]:
        """What a config must name beside ``weights='from_checkpoint'`` where it left the network to the file, ``type`` among it."""
        return {}

    def load_weights(self, weights: str | dict[str, Any] | None) -> None:
        """Read a state dict of this very module, nothing missing, nothing else; it is :attr:`source` from then on.

        Args:
            weights (str | dict): The file, also as ``dict(file=..., allow_unsafe=True)``; ``'random'`` leaves the tensors as they are,
                ``'from_checkpoint'`` has a checkpoint of a training bring them.

        Raises:
            WeightsError: If the file is not named, cannot be read or does not fit.
        """
        file, _, allow_unsafe = weights_of(weights)
        check_given(type(self).__name__, file)
        self._remember()
        self.has_weights = file != FROM_CHECKPOINT
        if file not in (RANDOM, FROM_CHECKPOINT):
            found = load_exact(file, self, allow_unsafe)
            self._take(found, found.tensors)

    def freeze(self, train: Iterable[nn.Module | nn.Parameter] = (), asked_by: str = '', adapt: Mapping[str, Any] | None = None) -> None:
        """End of the constructor: freeze everything but some parts.

        Args:
            train (Iterable[nn.Module | nn.Parameter]): Parts that are trained.
            asked_by (str): The setting that asked for that, for messages: ``'trainable_blocks=2'``.
            adapt (Mapping, optional): An adapter that is put into :meth:`running_blocks` and trained, see :class:`.adapt.LoRA`.

        Raises:
            ConfigError: If ``adapt`` does not fit the encoder, or other parts are to be trained beside it.
        """
        self._remember()
        self.requires_grad_(False)
        if adapt is not None:
            if train := list(train):
                raise ConfigError(
                    f'{type(self).__name__}: {asked_by} trains parts of the encoder, adapt={dict(adapt)} leaves them as they are and '
                    'trains what is added; give one of the two'
                )
            train, asked_by = adapt_layers(self, self.running_blocks(), adapt), 'adapt=dict(...)'
        for part in train:
            part.requires_grad_(True)
        self._asked = (asked_by or type(self).__name__, [parameter for parameter in self.parameters() if parameter.requires_grad])
        self.train(self.training)

    def running_blocks(self) -> list[nn.Module]:
        """The blocks that run, in order: all that it has, up to the last of ``out_indices`` if it has these."""
        blocks, read = blocks_of(self), getattr(self, 'out_indices', None)
        return blocks[: max(index % len(blocks) for index in read) + 1] if blocks and read else blocks

    @classmethod
    def check_file(cls, **settings: Any) -> None:
        """Raise in the first second what the constructor would raise about a weights file; builds nothing.  Here: nothing is known."""

    # ---- the contract

    @property
    def normalisation(self) -> Normalisation | None:
        return self.source.normalisation if self.source else None

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def own_tensors(self) -> dict[str, Tensor]:
        if self._own is None:
            raise ConfigError(f'{type(self).__name__} is not finished: its constructor must end with self.freeze()')
        return {**self._own, **{name: getattr(owner, key) for name, (owner, key) in self._own_buffers.items()}}

    @property
    def in_weights_file(self) -> bool:
        own = self.own_tensors()
        return self._from_file() and set(names_in(self, own).values()) == own.keys() and self.fingerprint() == self._loaded

    def fingerprint(self) -> bytes:
        return tensors_sha256(self.own_tensors())

    def identity(self) -> dict[str, Any] | None:
        if self.why_unknown():
            return None
        return {
            'class': f'{type(self).__module__}.{type(self).__qualname__}',
            'code': code_of(self),
            'fingerprint': self.fingerprint().hex(),
            'shape': [self.levels, self.patch_size, self.embed_dims],
            'settings': self.settings(),
        }

    def why_unknown(self) -> str | None:
        name = type(self).__name__
        says = next(kind for kind in type(self).__mro__ if 'identity' in vars(kind))
        if says not in (type(self), FrozenEncoder):  # a subclass may change the maps
            return f'the backbone {name} cannot be told from others: its class does not define identity()'
        if says is FrozenEncoder:
            try:
                check_plain(self.settings())
                code_of(self)
            except UnknownError as reason:
                return f'the backbone {name} cannot be told from others: {reason}'
        if not is_as_built(self, self.own_tensors()):
            return f'something was put into the encoder {name}, or hooked on, which may change its maps'
        return None

    def map_shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        return self.levels, -(-height // self.patch_size), -(-width // self.patch_size), self.embed_dims

    def check_trainable(self) -> None:
        self.own_tensors()
        by, asked = self._asked
        if frozen := sum(not parameter.requires_grad for parameter in asked):
            raise ConfigError(
                f'{by} asks to train {len(asked)} tensors of the encoder, but what is around it froze {frozen} of them (LoRAModel trains '
                f'its adapter alone); leave {by.partition("=")[0]} or the wrapper out'
            )

    def make_plain(self) -> None:
        """Nothing: what computes in float32 and is not compiled is plain already."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode normalised pictures ``(N, 3, H, W)`` of any size into one map a level; without a graph where nothing is trained."""
        if not self.has_weights:
            raise WeightsError(
                "weights='from_checkpoint' but no checkpoint with a full encoder was loaded; load one, or name the weights file"
            )
        height, width = inputs.shape[2:]
        inputs = padded(inputs, self.patch_size)
        with torch.set_grad_enabled(torch.is_grad_enabled() and (inputs.requires_grad or is_trained(self))):
            maps = tuple(self.encode(inputs))
        if not torch.jit.is_tracing():
            self._check_maps(maps, (len(inputs), *self.map_shape(height, width)))
        return maps

    # ---- the rest

    def train(self: Self, mode: bool = True) -> Self:
        """Set what is trained to ``mode``; everything frozen stays in eval mode.  Returns self."""
        train_where_trained(self, mode)
        return self

    def init_weights(self) -> None:
        """Nothing: the constructor loaded the weights, and mmengine must not overwrite them."""

    def _remember(self) -> None:
        if self._own is None:
            self._own, self._own_buffers = dict(self.named_parameters()), persistent_buffers(self)

    def _take(self, found: EncoderWeights, tensors: dict[str, Tensor]) -> None:
        """Load what was read, say so, and remember where it came from."""
        self._remember()
        self.load_state_dict(tensors, strict=True)
        notes = ''.join(f'; {note}' for note in found.notes)
        print_log(
            f'{found.path}: {len(tensors)}/{len(tensors)} encoder tensors loaded from {found.layout}{found.in_words()}{notes}; '
            f'SHA-256 {found.sha256}',
            logger='current',
        )
        found.tensors = {}
        self.source = found
        self._loaded = self.fingerprint()

    def _from_file(self) -> bool:
        return self.source is not None and not any(parameter.requires_grad for parameter in (self._own or {}).values())

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        """Before any ``load_state_dict``, of torch or mmengine: refuse a partial or a different encoder."""
        if self._own is not None:
            self._accept(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _accept(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        own = self.own_tensors()
        mine = {name: own[known] for name, known in names_in(self, own).items()}
        brought = [name for name in mine if prefix + name in state_dict]
        if not brought:
            return  # a checkpoint without encoder: what the constructor loaded stays
        if len(brought) != len(mine):
            missing = ', '.join([name for name in mine if name not in brought][:3])
            raise CheckpointError(
                f'the checkpoint holds {len(brought)} of {len(mine)} encoder tensors (missing: {missing} ...); it needs all of them or none'
            )
        if self.source is not None and self._from_file():
            changed = [name for name in mine if not torch.equal(mine[name].cpu(), state_dict[prefix + name].cpu().to(mine[name].dtype))]
            if changed:
                raise CheckpointError(
                    f'the checkpoint was made with another frozen encoder than {self.source.path} ({len(changed)} of {len(mine)} tensors '
                    "differ). Name the weights file it was trained with, or set model.backbone.weights='from_checkpoint'"
                )
        self.has_weights = True

    def _check_maps(self, maps: tuple[Tensor, ...], wanted: tuple[int, ...]) -> None:
        number, levels, height, width, channels = wanted
        found = [tuple(level.shape) for level in maps]
        if found != [(number, channels, height, width)] * levels:
            raise ConfigError(
                f'{type(self).__name__}.encode() gives maps {_listed(map(str, found))}, its levels, embed_dims and patch_size say '
                f'{levels} of {(number, channels, height, width)}; correct them, or encode()'
            )


def _listed(texts: Iterator[str]) -> str:
    return ', '.join(texts) or 'none'

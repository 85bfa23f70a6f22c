"""Adaptation of an encoder that leaves its own weights as they are: LoRA in its linear layers."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.wrappers import Linear as MmcvLinear
from torch import Tensor, nn

from ...errors import ConfigError

PARTS = ('lora_down', 'lora_up')  # names of an adapter's tensors
_PLAIN = (nn.Linear.forward, MmcvLinear.forward)  # other subclasses may compute something else
_CALLED = (  # what libraries call the layers of attention and feed-forward network
    (r'(^|\.)(q|k|v|query|key|value)(_proj)?$', 'qkv'),
    (r'(^|\.)(ffn\.layers\.0\.0|fc1_[gx]|w12)$', 'fc1'),
    (r'(^|\.)(ffn\.layers\.1|w3)$', 'fc2'),
)


@dataclass(frozen=True)
class LoRA:
    """``adapt=dict(type='LoRA', ...)`` of an encoder.

    Attributes:
        rank (int): Of the product that is added to a layer's weight: ``rank * (inputs + outputs)`` numbers are trained.
        alpha (float, optional): The product counts ``alpha / rank`` times; the rank by default.
        targets (tuple[str, ...]): Linear layers: ``'qkv'`` and ``'proj'`` of the attention (``'qkv'`` also where q, k, v are separate),
            ``'fc1'`` and ``'fc2'`` of the feed-forward network; or the last part of their names in the encoder.
    """

    rank: int = 8
    alpha: float | None = None
    targets: tuple[str, ...] = ('qkv', 'proj')


def lora_of(adapt: Mapping[str, Any]) -> LoRA:
    """The settings in ``adapt`` of a config; raises :class:`ConfigError` if there is a wrong one."""
    known = [field.name for field in fields(LoRA)]
    if not isinstance(adapt, Mapping) or adapt.get('type') != 'LoRA' or set(adapt) - {'type', *known}:
        given = dict(adapt) if isinstance(adapt, Mapping) else adapt
        raise ConfigError(f"adapt={given!r} must be dict(type='LoRA'), in which {', '.join(known)} may stand, or None")
    lora = LoRA(**{name: value for name, value in adapt.items() if name != 'type'})
    targets = (lora.targets,) if isinstance(lora.targets, str) else lora.targets
    if not isinstance(lora.rank, int) or isinstance(lora.rank, bool) or lora.rank < 1:
        raise ConfigError(f'adapt: rank={lora.rank!r} must be a whole number from 1')
    if lora.alpha is not None and (not isinstance(lora.alpha, (int, float)) or not 0 < lora.alpha < math.inf):
        raise ConfigError(f'adapt: alpha={lora.alpha!r} must be a number above 0')
    if not isinstance(targets, Iterable) or not (targets := tuple(targets)) or not all(isinstance(name, str) for name in targets):
        raise ConfigError(f"adapt: targets={lora.targets!r} must be names of linear layers, such as ('qkv', 'proj')")
    return LoRA(lora.rank, lora.alpha, targets)


class AdaptedLinear(nn.Linear):
    """A linear layer with LoRA: ``y = W x + b + scale * up (down x)``, where ``down`` and ``up`` alone are trained.

    Weight and bias are the layer's own tensors under their own names, so that its checkpoints fit.  ``up`` begins with zeros: the first
    forward pass is the layer's.  (LoRA: arXiv 2106.09685)

    Args:
        layer (nn.Linear): Whose tensors become this one's.
        rank (int): Of the product.
        scale (float): By which it counts.
    """

    def __init__(self, layer: nn.Linear, rank: int, scale: float) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features, self.scale = layer.in_features, layer.out_features, scale
        self._parameters.update(layer._parameters)
        own = layer.weight
        self.lora_down = nn.Parameter(own.new_empty(rank, self.in_features))
        self.lora_up = nn.Parameter(own.new_zeros(self.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_down, a=math.sqrt(5))

    @property
    def own_weight(self) -> Tensor:
        """The layer's weight without what was added."""
        return self._parameters['weight']  # type: ignore[return-value]

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """The sum, for what multiplies by a layer's weight and never calls the layer, as timm's EVA attention does."""
        return self.own_weight + self.scale * (self.lora_up @ self.lora_down)

    def forward(self, input: Tensor) -> Tensor:
        """``(..., in_features)`` -> ``(..., out_features)``."""
        own = F.linear(input, self.own_weight, self.bias)
        return own + self.scale * F.linear(F.linear(input, self.lora_down), self.lora_up)

    def merged(self) -> nn.Linear:
        """A plain layer of the same tensors; the product is added to the weight, in place."""
        with torch.no_grad():
            self.own_weight.copy_(self.weight)
        plain = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device='meta')
        plain._parameters.update({name: self._parameters[name] for name in ('weight', 'bias')})
        return plain.train(self.training)


def adapt_layers(network: nn.Module, blocks: list[nn.Module], adapt: Mapping[str, Any]) -> list[nn.Module | nn.Parameter]:
    """Put LoRA into linear layers of an encoder.

    Args:
        network (nn.Module): The encoder.
        blocks (list[nn.Module]): Of it, those that run; without any, all of the encoder.
        adapt (Mapping): See :class:`LoRA`.

    Returns:
        list[nn.Parameter]: The adapter.

    Raises:
        ConfigError: If a setting is wrong, no layer is called as a target says, or the rank is no less than a layer's.
    """
    lora, running = lora_of(adapt), {part for block in blocks or [network] for part in block.modules()}
    layers = {place: layer for place, layer in network.named_modules() if layer in running and _is_plain(layer)}
    unknown = [name for name in lora.targets if not any(name in _names(place) for place in layers)]
    if unknown:
        there = ', '.join(sorted({_names(place)[0] for place in layers})) or 'none'
        raise ConfigError(
            f'adapt: targets has {unknown[0]!r}, but the linear layers of {type(network).__name__} are {there}; name some of these'
        )
    adapter: list[nn.Module | nn.Parameter] = []
    for place, layer in layers.items():
        if isinstance(layer, nn.Linear) and not set(lora.targets).isdisjoint(_names(place)):
            if lora.rank >= min(layer.in_features, layer.out_features):
                raise ConfigError(
                    f'adapt: rank={lora.rank} must be less than the rank of {place}, which is {layer.in_features} x {layer.out_features}'
                )
            adapted = AdaptedLinear(layer, lora.rank, (lora.alpha or lora.rank) / lora.rank)
            _replace(network, place, adapted)
            adapter += [adapted.lora_down, adapted.lora_up]
    return adapter


def merge_adapters(network: nn.Module) -> int:
    """Add each adapter to the weights that it adapts, and take it out; the network computes what it did.

    Args:
        network (nn.Module): A model, an encoder, or a wrapper around one; changed in place.

    Returns:
        int: How many layers were adapted.
    """
    layers = {place: layer for place, layer in network.named_modules() if isinstance(layer, AdaptedLinear)}
    for place, layer in layers.items():
        _replace(network, place, layer.merged())
    return len(layers)


def is_adapted(network: nn.Module) -> bool:
    """Whether one of a network's layers has an adapter of this file."""
    return any(isinstance(layer, AdaptedLinear) for layer in network.modules())


def _is_plain(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) and type(layer).forward in _PLAIN


def _names(place: str) -> tuple[str, str]:
    """What a target may call the layer at a place of the encoder: the usual name, and the last part of its own."""
    own = place.rpartition('.')[2]
    return next((name for pattern, name in _CALLED if re.search(pattern, place)), own), own


def _replace(network: nn.Module, place: str, layer: nn.Module) -> None:
    parent, _, name = place.rpartition('.')
    setattr(network.get_submodule(parent), name, layer)

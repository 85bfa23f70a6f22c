"""The contract of encoders: the members are in :mod:`.protocol`, here is the one way to reach an encoder."""

from typing import Any

from torch import nn

from .adapters import CORE, CoreEncoder, ForeignBackbone, WrappedEncoder
from .protocol import Encoder

__all__ = ['MEMBERS', 'Encoder', 'backbone_of', 'encoder_in', 'encoder_of', 'keeps_contract']

# what a class must have of it; the others may be attributes that a constructor sets
MEMBERS = ('own_tensors', 'fingerprint', 'identity', 'why_unknown', 'map_shape', 'check_trainable', 'make_plain', 'trainable')


def _keeps(module: nn.Module) -> bool:
    """Whether a module's own class keeps the contract, whatever a wrapper such as ``LoRAModel`` passes on."""
    return all(hasattr(type(module), name) for name in MEMBERS)


def _encoders_in(backbone: nn.Module) -> list[nn.Module]:
    return [backbone] if _keeps(backbone) else [module for module in backbone.modules() if _keeps(module)]


def keeps_contract(backbone: nn.Module) -> bool:
    """Whether a backbone, or one module in it, is an encoder that keeps the contract; another is only adapted to it."""
    return len(_encoders_in(backbone)) == 1 or isinstance(encoder_of(backbone), CoreEncoder)


def encoder_of(backbone: nn.Module) -> Encoder:
    """The encoder of a backbone, by which everything else reaches it.

    Args:
        backbone (nn.Module): Of a segmentor.

    Returns:
        Encoder: The backbone itself if its class keeps the contract.  If one module in it does (mmpretrain's ``LoRAModel`` around an
        encoder), an adapter that runs the whole backbone and answers for that encoder.  If its class has the core of the contract
        (:data:`.adapters.CORE`), an adapter that has the rest.  Otherwise (mmseg's ``ResNet``) an adapter that says what is known: no
        source, no identity.
    """
    found: list[Any] = _encoders_in(backbone)
    own = all(hasattr(type(backbone), name) for name in ('fingerprint', 'identity', 'map_shape'))  # not passed on by a wrapper
    if not found and own and all(hasattr(backbone, name) for name in CORE):
        return CoreEncoder(backbone)
    if len(found) != 1:
        parts = [name for name in MEMBERS if hasattr(type(backbone), name)]
        return ForeignBackbone(backbone, [name for name in MEMBERS if name not in parts] if 'identity' in parts else [])
    encoder: Encoder = found[0]
    return encoder if found[0] is backbone else WrappedEncoder(backbone, encoder)


def backbone_of(model: nn.Module) -> nn.Module:
    """The backbone of a segmentor or of a pretraining; of another model, the model itself."""
    backbone: nn.Module = getattr(model, 'backbone', model)
    return backbone


def encoder_in(model: nn.Module) -> Encoder:
    """:func:`encoder_of` a whole model's backbone."""
    return encoder_of(backbone_of(model))

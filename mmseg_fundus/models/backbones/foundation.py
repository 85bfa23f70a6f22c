from collections.abc import Sequence
from typing import Any, TypedDict

from mmseg.registry import MODELS
from typing_extensions import Unpack

from ...components import refuse_unknown
from ..encoders.frozen import FrozenEncoder
from ..encoders.weights import FROM_CHECKPOINT, RANDOM, read_encoder, weights_of
from .frozen_timm import FrozenTimmEncoder
from .frozen_vit import FrozenVisionTransformer


class Settings(TypedDict, total=False):
    """What both encoders take."""

    out_indices: Sequence[int] | None
    norm_outputs: bool
    trainable_blocks: int | str
    precision: str
    compile: bool
    adapt: dict[str, Any] | None


def _kind(weights: str | dict[str, Any] | None, model: str | None, options: dict[str, Any] | None) -> type[FrozenEncoder]:
    """The class that computes what is in a weights file; :class:`.FrozenTimmEncoder` if timm's model or options are named."""
    file, key, allow_unsafe = weights_of(weights)
    if model or options:
        return FrozenTimmEncoder
    if file in (None, RANDOM, FROM_CHECKPOINT):
        return FrozenVisionTransformer
    seen = read_encoder(file, key, allow_unsafe).architecture
    return FrozenTimmEncoder if seen is not None and not seen.plain else FrozenVisionTransformer


@MODELS.register_module()
def FoundationEncoder(  # noqa: N802 (it stands for a class in configs)
    weights: str | dict[str, Any] | None = None,
    model: str | None = None,
    options: dict[str, Any] | None = None,
    **settings: Unpack[Settings],
) -> FrozenEncoder:
    """The frozen encoder that a weights file is for, whatever family it is of.

    A plain ViT is a :class:`.FrozenVisionTransformer`, another one a :class:`.FrozenTimmEncoder`.

    Args:
        weights (str | Path | dict): A file of any family; or ``'random'`` or ``'from_checkpoint'``, which need ``model`` where they do not
            stand for a plain ViT-B/16.
        model (str, optional): timm's name of the model; with it or ``options`` a :class:`.FrozenTimmEncoder` is built.
        options (dict, optional): What ``timm.create_model`` takes beside it.
        **settings: ``out_indices``, ``norm_outputs``, ``trainable_blocks``, ``precision``, ``compile``, ``adapt``: as of the two classes.

    Raises:
        WeightsError: If the weights are missing, unreadable or do not fit.
        ConfigError: If the arguments contradict each other, or timm is needed and missing.
    """
    refuse_unknown('FoundationEncoder', settings, Settings)
    kind = _kind(weights, model, options)
    return kind(weights, **({'model': model, 'options': options} if kind is FrozenTimmEncoder else {}), **settings)


def check_file(
    weights: str | dict[str, Any] | None = None, model: str | None = None, options: dict[str, Any] | None = None, **settings: Any
) -> None:
    """As of the class that would be built: whether it would find and fit ``weights``."""
    kind = _kind(weights, model, options)
    kind.check_file(weights=weights, **({'model': model, 'options': options} if kind is FrozenTimmEncoder else {}))


FoundationEncoder.check_file = check_file

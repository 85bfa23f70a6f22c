"""Settings of a segmentor's parts that follow its encoder: ``None`` in a neck's or a head's config, mean and std of the pictures."""

from logging import WARNING
from typing import Any, TypeVar

from mmengine.logging import print_log
from mmseg.registry import MODELS
from torch import nn

from ..components import component
from ..errors import ConfigError
from ..families import VISIONFM
from .data_preprocessor import FundusDataPreprocessor, normalisation_of
from .encoders.contract import Encoder, encoder_of, keeps_contract

T = TypeVar('T')


def named(part: nn.Module, **setting: T | None) -> T:
    """The value of one setting; :class:`ConfigError` if it is ``None`` still: nobody has filled it in."""
    (name, value) = next(iter(setting.items()))
    if value is None:
        raise ConfigError(f'{type(part).__name__}: {name}=None follows the encoder of a VesselSegmentor; without one, name a number')
    return value


def followed(part: Any, backbone: nn.Module) -> Any:
    """The config of a neck or a head, with what follows the encoder filled in.

    A class says with ``follows`` which of its settings may be ``None`` and what the encoder has for them: ``embed_dims``, ``levels``
    or ``patch_size``.  Where that is not known (a backbone that does not keep the contract of encoders) it is the class's own default.

    Args:
        part (dict): Config of a part; anything else, and what has nothing to follow, is returned as it is.
        backbone (nn.Module): Built.

    Returns:
        dict: A copy.

    Raises:
        ConfigError: If a number of channels is named and is not the encoder's.
    """
    kind = component(part.get('type'), MODELS) if isinstance(part, dict) else None
    follows: dict[str, str] = getattr(kind, 'follows', {})
    if not follows:
        return part
    filled, has = part.copy(), _of_encoder(backbone)
    known_as = getattr(kind, '__name__', kind)
    for name, asked in follows.items():
        if filled.get(name, '') is None:
            del filled[name]  # where nothing is known, the class has a default
            filled.update({name: has[asked]} if asked in has else {})
        elif asked == 'embed_dims' and isinstance(filled.get(name), int) and filled[name] != has.get(asked, filled[name]):
            raise ConfigError(
                f'{known_as}: {name}={filled[name]}, but the maps of the encoder {type(backbone).__name__} have {has[asked]} '
                f'channels; set {name}=None, which follows the encoder'
            )
    return filled


def _of_encoder(backbone: nn.Module) -> dict[str, int]:
    """What is known of a backbone that keeps the contract."""
    if not keeps_contract(backbone):
        return {}
    encoder = encoder_of(backbone)
    levels, _, _, width = encoder.map_shape(encoder.patch_size, encoder.patch_size)
    return {'embed_dims': width, 'levels': levels, **({'patch_size': encoder.patch_size} if encoder.patch_size > 1 else {})}


def follow_normalisation(preprocessor: nn.Module, encoder: Encoder) -> None:
    """Have pictures normalised as those were that an encoder was trained on, and say so; a config that says otherwise is warned of.

    Args:
        preprocessor (nn.Module): A segmentor's; mean and std of a :class:`.FundusDataPreprocessor` follow where they are ``None``.
        encoder (Encoder): With its weights.
    """
    known = encoder.normalisation
    following = isinstance(preprocessor, FundusDataPreprocessor) and preprocessor.follow(known)
    wrong = contradiction(preprocessor, encoder)
    if known is None:
        if following and encoder.source is not None:
            print_log(
                f"{encoder.source.path}: what its pictures were normalised with is not known; VisionFM's mean and std are used "
                f'({VISIONFM.in_words()}). Others: model.data_preprocessor=dict(mean=(...), std=(...))',
                logger='current',
            )
    elif wrong:
        print_log(f'normalisation: {wrong}', logger='current', level=WARNING)
    elif following and not known.near(VISIONFM):
        print_log(f'normalisation: {known.in_words()}, as {_family(encoder)} was trained', logger='current')


def contradiction(preprocessor: nn.Module, encoder: Encoder) -> str:
    """What pictures are normalised with and what the encoder was trained with, and what to do; empty if they agree or one is not known."""
    known, used = encoder.normalisation, normalisation_of(preprocessor)
    if known is None or used is None or used.near(known):
        return ''
    return (
        f'the config has {used.in_words()}, {_family(encoder)} was trained with {known.in_words()}; a frozen encoder '
        "cannot adapt to others. To use its own: data_preprocessor=dict(type='FundusDataPreprocessor') without mean and std"
    )


def _family(encoder: Encoder) -> str:
    return encoder.source.family if encoder.source is not None and encoder.source.family else 'the encoder'

"""Refusing arguments of a vessel data set that would be read wrongly without a word."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol

import mmcv.transforms
import mmseg.datasets
from mmseg.registry import TRANSFORMS

from ..components import arguments, component
from ..errors import ConfigError


class TakesKeywords(Protocol):
    """A data set's class that says which keywords its ``**kwargs`` may hold."""

    KEYWORDS: ClassVar[tuple[str, ...]]


LOADERS = (mmcv.transforms.LoadAnnotations, mmseg.datasets.LoadAnnotations)


def check_pipeline(owner: str, steps: Sequence[Any]) -> None:
    """Refuse mmseg's ``LoadAnnotations``, also within steps of steps: it takes the 255 of a black and white label for "ignored".

    Args:
        owner (str): The data set's class, for the message.
        steps (Sequence): Of a pipeline.

    Raises:
        ConfigError: If there is one.
    """
    for step in steps:
        if isinstance(step, (list, tuple)):
            check_pipeline(owner, step)
        elif isinstance(step, dict):
            _refuse_loader(owner, component(step.get('type'), TRANSFORMS) in LOADERS)
            check_pipeline(owner, [value for value in step.values() if isinstance(value, (list, tuple, dict))])
        else:
            _refuse_loader(owner, type(step) in LOADERS)


def _refuse_loader(owner: str, found: bool) -> None:
    if found:
        raise ConfigError(
            f"{owner}: LoadAnnotations in the pipeline takes a label's numbers as they are stored, 255 for ignored, and knows no field of "
            "view; put dict(type='LoadVesselAnnotations') in its place"
        )


def check_classes(owner: str, metainfo: dict[str, Any] | None, classes: Sequence[str]) -> None:
    """Refuse other classes than background and vessel, in this order; raises :class:`ConfigError`."""
    given = metainfo.get('classes') if isinstance(metainfo, dict) else None
    if given is not None and tuple(given) != tuple(classes):
        raise ConfigError(
            f'{owner}: metainfo classes={given!r}: labels hold {classes[0]} as 0 and {classes[1]} as 1; leave classes out of metainfo, '
            'which may set palette'
        )


def check_keywords(kind: type, given: dict[str, Any], base: type[TakesKeywords]) -> None:
    """Refuse keywords of a data set that it does not take, as Python does where all are named; raises :class:`TypeError`.

    Args:
        kind (type): The data set's class, for the message.
        given (dict): Its ``**kwargs``.
        base (type): Whose constructor they reached: its ``KEYWORDS`` are taken.
    """
    unknown = [name for name in given if name not in base.KEYWORDS]
    if unknown:
        close = get_close_matches(unknown[0], arguments(kind)[0], n=1)
        hint = f'. Did you mean {close[0]!r}?' if close else ''
        raise TypeError(f'{kind.__name__}.__init__() got an unexpected keyword argument {unknown[0]!r}{hint}')

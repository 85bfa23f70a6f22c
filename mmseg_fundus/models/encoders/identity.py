"""What tells an encoder from another without running it: the code of its classes and the settings that it was made with."""

import hashlib
import inspect
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

_NOT_READ = ('torch', 'mmseg_fundus', 'builtins', 'abc', 'typing')  # with these a cache is made anew by a version of its own


class UnknownError(Exception):
    """What an encoder computes cannot be told from outside; the message says why, after the encoder's name."""


def code_of(module: nn.Module) -> str:
    """SHA-256 of the source files that the classes of a module and of all its parts are in; torch's and ours are left out.

    Raises:
        UnknownError: If one cannot be read, as of a class that was typed into an interpreter.
    """
    kinds = {base for part in module.modules() for base in type(part).__mro__}
    return _files_sha256(frozenset(kind for kind in kinds if kind.__module__.split('.')[0] not in _NOT_READ))


@cache
def _files_sha256(kinds: frozenset[type]) -> str:
    digest = hashlib.sha256()
    for file in sorted({_file_of(kind) for kind in kinds}):
        digest.update(f'{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}'.encode())
    return digest.hexdigest()


def _file_of(kind: type) -> Path:
    try:
        file = inspect.getsourcefile(kind)
    except TypeError:
        file = None
    if file is None or not Path(file).is_file():
        raise UnknownError(f'the source of {kind.__module__}.{kind.__qualname__} is in no file')
    return Path(file)


def settings_of(module: nn.Module) -> dict[str, Any]:
    """The arguments that a module's constructor takes, each as the attribute of that name has it.

    Raises:
        UnknownError: If one is not kept, is no plain value, or is hidden in ``*args`` or ``**kwargs``.
    """
    settings: dict[str, Any] = {}
    parameters = inspect.signature(type(module).__init__).parameters.values()
    for parameter in list(parameters)[1:]:
        name = parameter.name
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UnknownError(f'its constructor takes *{name}; name the arguments, or define settings()')
        if not hasattr(module, name):
            raise UnknownError(f'its constructor does not keep self.{name}; set it, or define settings()')
        settings[name] = getattr(module, name)
    return settings


def check_plain(settings: Mapping[str, Any]) -> None:
    """Raise :class:`UnknownError` if a setting is no number, text or truth value, or list or dict of these: its text may hide a change."""
    for name, value in settings.items():
        if not _is_plain(value):
            raise UnknownError(f'its setting {name} is a {type(value).__name__}, which has no fixed text; define settings()')


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)

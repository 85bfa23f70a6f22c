"""The table of data sets: looking sources up in it, building them, and writing it out for the documentation."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from ...choices import SOURCES_GROUP
from ...components import arguments, component
from ...errors import ConfigError
from .source import SOURCES, Source


@cache
def _import_installed() -> None:
    for point in entry_points(group=SOURCES_GROUP):
        try:
            point.load()
        except Exception as error:  # noqa: BLE001 (of somebody else's package)
            reason = f'{type(error).__name__}: {" ".join(str(error).split())[:200]}'
            raise ConfigError(
                f'the installed package that gives data sets by the entry point {SOURCES_GROUP}: {point.name} = {point.value} cannot be '
                f'imported ({reason}); repair or uninstall it'
            ) from error


def known_sources() -> dict[str, type[Source]]:
    """Data sets that can be called by name, in the order of the table: the public ones, then those of other packages."""
    _import_installed()
    return {kind.name: kind for kind in SOURCES.module_dict.values() if not kind.general}


def source_class(name: object) -> type[Source] | None:
    """The source that a name stands for, the table's or that of its data set class, in any case; or ``None``.

    Nothing is imported but installed packages: the name may come from a file that nobody vouches for.
    """
    if isinstance(name, type):
        return name if issubclass(name, Source) else None
    known_sources()
    kinds = list(SOURCES.module_dict.values())
    keys = {**{_key(kind.data_set): kind for kind in kinds if kind.data_set}, **{_key(kind.name): kind for kind in kinds}}
    return keys.get(_key(str(name)))


def _key(name: str) -> str:
    return name.lower().replace('_', '').replace('-', '')


def build_source(settings: Any) -> Source:
    """A source from its config, ``dict(type='DRIVE', root=...)``; one that is built stays.

    Raises:
        ConfigError: If there is no such source, or it takes no such setting.
    """
    if isinstance(settings, Source):
        return settings
    if not isinstance(settings, dict) or 'type' not in settings:
        raise ConfigError(f"source={settings!r:.200}: expected dict(type='DRIVE', root=...) or a list of such")
    _import_installed()
    named = settings['type']
    kind = component(named, SOURCES)
    if not (isinstance(kind, type) and issubclass(kind, Source)):
        raise ConfigError(
            f"source type={named!r} is unknown, use one of {', '.join(SOURCES.module_dict)}, or a class that the config's custom_imports "
            'registers in mmseg_fundus.datasets.SOURCES'
        )
    given = {str(key): value for key, value in settings.items() if key not in ('type', '_scope_')}
    takes, others = arguments(kind)  # type: ignore[arg-type]  # a class is hashable
    unknown = [key for key in given if key not in takes and not others]
    if unknown:
        close = get_close_matches(unknown[0], list(takes), n=1)
        hint = f'; did you mean {close[0]!r}?' if close else f'; it takes {", ".join(sorted(takes))}'
        raise ConfigError(f'source {kind.name} takes no {unknown[0]!r}{hint}')
    try:
        return kind(**given)
    except TypeError as error:
        raise ConfigError(f'source {kind.name}: {error}') from error


def markdown_table() -> str:
    """The public sets as a table for the documentation, which a test compares."""
    lines = ['| source | data set class | folder | pictures | usual division | field of view | observers | licence |', '|' + '---|' * 8]
    for kind in SOURCES.module_dict.values():
        if not kind.__module__.startswith(f'{__package__}.'):
            continue
        name = f'[{kind.name}]({kind.address})' if kind.address else kind.name
        observers = ', '.join(kind.observers) or '-'
        cells = (kind.pictures, kind.usual_division, f'{kind.field_angle:g}°', observers, kind.licence)
        lines.append(f'| {name} | `{kind.data_set}` | {kind.layout} | {" | ".join(cell or "-" for cell in cells)} |')
    return '\n'.join(lines)

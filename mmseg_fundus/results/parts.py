"""Objects of a file that anybody may have written: what each key must hold, and what is kept of the rest.

A class is one object of the file, an attribute one of its keys.  What an attribute reads is of the kind that it names; whatever else
stands in the file is in ``other`` and is written back as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeGuard, TypeVar

import numpy as np

LARGEST = 1e15  # a number that counts or measures anything here is smaller
TOLD = 20  # what is wrong with a file is told this often, however often it is


class Problems:
    """What does not fit in a file.

    Attributes:
        count (int): How often something does not.
        told (list[str]): The first of them: where, what was found, what was expected.
    """

    def __init__(self) -> None:
        self.count = 0
        self.told: list[str] = []

    def add(self, where: str, value: Any, expected: str) -> None:
        """Note that ``where`` holds ``value`` and not what was ``expected``."""
        self.count += 1
        if len(self.told) < TOLD:
            found = 'an object' if isinstance(value, dict) else 'a list' if isinstance(value, list) else repr(str(value)[:60])
            self.told.append(f'{where[:120]} is {found}, {expected} was expected')

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        more = self.count - 3
        return '; '.join(self.told[:3]) + (f'; and {more} more' if more > 0 else '')


Kind = Callable[[Any, str, Problems], Any]  # (value, where it stands, what does not fit): the value, or None if it does not fit


def text(value: Any, where: str, problems: Problems) -> str | None:
    """A text."""
    if isinstance(value, str):
        return value
    problems.add(where, value, 'a text')
    return None


def number(value: Any, where: str, problems: Problems) -> float | None:
    """A number of a size that can be worked with, or nan."""
    if _is_number(value):
        return value
    problems.add(where, value, 'a number')
    return None


def number_or_text(value: Any, where: str, problems: Problems) -> float | str | None:
    """A number, or a text that stands for one (``'68 k'``)."""
    if isinstance(value, str) or _is_number(value):
        return value
    problems.add(where, value, 'a number')
    return None


def anything(value: Any, where: str, problems: Problems) -> Any:
    """Any value; whoever uses it looks at it."""
    return value


def mapping(value: Any, where: str, problems: Problems) -> dict[str, Any] | None:
    """An object with any contents."""
    if isinstance(value, dict):
        return value
    problems.add(where, value, 'an object')
    return None


def figures(value: Any, where: str, problems: Problems) -> dict[str, float | None] | None:
    """Numbers by name; ``None`` is a figure that is not defined."""
    if mapping(value, where, problems) is None:
        return None
    found = {name: None if item is None else number(item, f'{where}.{name}', problems) for name, item in value.items()}
    return {name: item for name, item in found.items() if item is not None or value[name] is None}


def series(value: Any, where: str, problems: Problems) -> list[float | None] | None:
    """A list of numbers, some of them perhaps not defined."""
    if _is_list(value, where, problems):
        return [None if item is None else number(item, f'{where}[{i}]', problems) for i, item in enumerate(value)]
    return None


def texts(value: Any, where: str, problems: Problems) -> list[str] | None:
    """A list of texts."""
    if not _is_list(value, where, problems):
        return None
    found = (text(item, f'{where}[{i}]', problems) for i, item in enumerate(value))
    return [item for item in found if item is not None]


def rows(value: Any, where: str, problems: Problems) -> list[dict[str, Any]] | None:
    """A list of rows: ``picture``, a name, and figures."""
    if not _is_list(value, where, problems):
        return None
    found = []
    for i, row in enumerate(value):
        place = f'{where}[{i}]'
        if not isinstance(row, dict):
            problems.add(place, row, 'an object')
            continue
        name = text(row.get('picture'), f'{place}.picture', problems)
        inner = figures({key: item for key, item in row.items() if key != 'picture'}, place, problems)
        found.append({'picture': str(row.get('picture')) if name is None else name, **(inner or {})})
    return found


def one(part: 'type[Part]') -> Kind:
    """The kind of an object that is a ``part``."""
    return lambda value, where, problems: (
        None if mapping(value, where, problems) is None else part.read(value, where=where, problems=problems)
    )


def many(part: 'Callable[[], type[Part]]') -> Kind:
    """The kind of a list of them; ``part`` is a function, as a class may hold objects of its own."""

    def read(value: Any, where: str, problems: Problems) -> Any:
        if not _is_list(value, where, problems):
            return None
        found = [one(part())(item, f'{where}[{i}]', problems) for i, item in enumerate(value)]
        return [item for item in found if item is not None]

    return read


def kept(kind: Kind, key: str | None = None, default: Any = None, make: Callable[[], Any] | None = None) -> Any:
    """An attribute of a :class:`Part`.

    Args:
        kind (Kind): What its key must hold.
        key (str, optional): In the file; that of the attribute if not given.
        default (Any): Where the file has none.
        make (Callable, optional): Makes the default, where that can be changed (a list).
    """
    metadata = {'kind': kind, 'key': key}
    return field(default_factory=make, metadata=metadata) if make else field(default=default, metadata=metadata)


P = TypeVar('P', bound='Part')


@dataclass(kw_only=True)
class Part:
    """One object of a file.

    Attributes:
        other: What no attribute holds: keys that are not known here, and values in which something is not of the kind that belongs there.
            They win over an attribute when the object is written.
        order: Keys of the object it was read from, in their order.
        NEW: Keys that a new one always has.
    """

    NEW: ClassVar[tuple[str, ...]] = ()
    other: dict[str, Any] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    @classmethod
    def attributes(cls) -> dict[str, tuple[str, Kind]]:
        """``{key: (attribute, kind)}``."""
        own = (one for one in fields(cls) if 'kind' in one.metadata)
        return {found.metadata['key'] or found.name: (found.name, found.metadata['kind']) for found in own}

    @classmethod
    def read(cls: type[P], value: dict[str, Any], where: str = '', problems: Problems | None = None) -> P:
        """Read what fits; what does not is noted, stays in ``other`` and is left out of the attributes.

        Args:
            value (dict): As JSON has it.
            where (str): What the object is in its file: ``report.field of view``; '' for the whole.
            problems (Problems, optional): Takes what does not fit.
        """
        problems = Problems() if problems is None else problems
        known, given, other = cls.attributes(), {}, {}
        for key, item in value.items():
            if key not in known:
                other[key] = item
            elif item is not None:
                name, kind = known[key]
                before = problems.count
                found = kind(item, f'{where}.{key}' if where else key, problems)
                if found is not None:
                    given[name] = found
                if problems.count > before:
                    other[key] = item
        return cls(**given, other=other, order=tuple(value))

    @classmethod
    def of(cls: type[P], value: Any) -> P:
        """As :meth:`read`; of anything that is no object an empty one."""
        return cls.read(value) if isinstance(value, dict) else cls()

    def always(self) -> tuple[str, ...]:
        """Keys that are written first and also where there is nothing for them: those it was read from, else those of every new one."""
        return self.order or self.NEW

    def plain(self) -> dict[str, Any]:
        """The object as JSON has it."""
        known, always, found = self.attributes(), self.always(), {}
        for key in dict.fromkeys([*always, *known, *self.other]):
            value = self.other[key] if key in self.other else _plain(getattr(self, known[key][0])) if key in known else None
            if key in always or not _is_empty(value):
                found[key] = value
        return found

    def __bool__(self) -> bool:
        return not all(map(_is_empty, self.plain().values()))


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return value.plain()
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (dict, list)) and not value)


def _is_number(value: Any) -> TypeGuard[float]:
    """A bool is none, nor is what is too large to work with."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        return False
    return bool(-LARGEST < value < LARGEST or value != value)


def _is_list(value: Any, where: str, problems: Problems) -> bool:
    if isinstance(value, (list, tuple)):
        return True
    problems.add(where, value, 'a list')
    return False

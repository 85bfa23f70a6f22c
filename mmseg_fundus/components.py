"""What a config's ``type`` names, and which arguments that takes: the one place that compares types."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, get_args, get_origin

from mmengine.registry import Registry
from typing_extensions import Unpack


def component(kind: Any, registry: Registry) -> Callable[..., Any] | None:
    """The class or function that a ``type`` stands for; ``None`` if it stands for nothing.

    Args:
        kind (str | type): A registered name, with or without a scope (``'mmseg.FCNHead'``), a whole path
            (``'torch.optim.Adam'``), or the class itself, as in a pure-Python config.
        registry (Registry): Where the name is looked for, and in its parents.
    """
    if not isinstance(kind, str):
        return kind if callable(kind) else None
    if '.' in kind:
        try:
            return registry.get(kind)
        except Exception:  # noqa: BLE001 (importing what a name stands for may raise anything; the builder tells it)
            return None
    while registry is not None:
        registry.import_from_location()
        if kind in registry.module_dict:
            return registry.module_dict[kind]
        registry = registry.parent
    return None


def is_a(cfg: Any, kind: type | tuple[type, ...], registry: Registry) -> bool:
    """Whether a component's config is of a class (of one of several), or of one that inherits from it."""
    found = component(cfg.get('type'), registry) if isinstance(cfg, dict) else None
    return isinstance(found, type) and issubclass(found, kind)


def takes(cfg: Any, argument: str, registry: Registry) -> bool:
    """Whether the component that a config describes has an argument of this name."""
    found = component(cfg.get('type'), registry) if isinstance(cfg, dict) else None
    return found is not None and argument in arguments(found)[0]


@cache
def arguments(kind: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """Names of the arguments of a class (its bases' among them, where ``**kwargs`` go there) or a function.

    A class that has ``KEYWORDS`` says itself which names its ``**kwargs`` may hold, and refuses others.

    Returns:
        tuple[frozenset, bool]: The names, and whether there may be others, which only running it would show.
    """
    names: set[str] = set()
    steps: list[tuple[Callable[..., Any], Iterable[str] | None]] = [(kind, None)]
    if inspect.isclass(kind):
        steps = [(vars(base)['__init__'], vars(base).get('KEYWORDS')) for base in kind.__mro__ if '__init__' in vars(base)]
    for step, keywords in steps:
        step = inspect.unwrap(step)
        try:
            parameters = inspect.signature(step).parameters.values()
        except (TypeError, ValueError):  # built in
            return frozenset(names), True
        names.update(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        rest = next((p for p in parameters if p.kind is p.VAR_KEYWORD), None)
        if rest is None or keywords is not None:
            return frozenset(names.union(keywords or ()) - {'self'}), False
        if get_origin(rest.annotation) is Unpack:  # **old: Unpack[OldArguments] takes these names and no others
            return frozenset(names - {'self'}) | frozenset(get_args(rest.annotation)[0].__annotations__), False
        read, handed_on = _keywords(step, rest.name)
        names |= read
        if not handed_on:
            break
    return frozenset(names - {'self'}), True


def refuse_unknown(owner: str, given: Mapping[str, object], known: type) -> None:
    """Raise Python's own error for a keyword that a constructor with ``**old: Unpack[known]`` does not take.

    Args:
        owner (str): Name of the class.
        given (dict): What came as ``**old``.
        known (type): A ``TypedDict`` of the names that are taken.
    """
    for name in given:
        if name not in known.__annotations__:
            raise TypeError(f'{owner}.__init__() got an unexpected keyword argument {name!r}')


def _keywords(function: Callable[..., Any], rest: str) -> tuple[set[str], bool]:
    """Texts in a function's body (what it may read from its keywords), and whether it hands them on to a base's constructor."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return set(), False
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    texts = {value for value in constants if isinstance(value, str) and value.isidentifier()}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, 'attr', None) == '__init__']
    given = (word.value for call in calls for word in call.keywords if word.arg is None)
    return texts, any(isinstance(name, ast.Name) and name.id == rest for value in given for name in ast.walk(value))

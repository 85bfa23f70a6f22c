"""The house: which room may import which, how long a file may be, how much a constructor may ask. CONTRIBUTING.md draws it."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from mmseg.registry import DATASETS, MODELS

from mmseg_fundus import __version__

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'mmseg_fundus'
# all rooms may import these
GROUND = ('choices', 'classes', 'errors', 'families', 'version', 'geometry', 'components', 'stack', 'progress')
FLOORS = (  # from the ground up: a room imports rooms of lower floors, and of its own as long as there is no circle
    ('fileio', 'registry', 'shipped', 'utils', 'zoo'),
    ('named_files',),
    ('measurement',),
    ('datasets',),
    ('feature_cache',),
    ('models', 'evaluation', 'results', 'visualization'),
    ('engine', 'report', 'export', 'benchmark'),
    ('apis',),
    ('cli',),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imported(path: Path) -> set:
    """Names of all that a module of the package imports when it runs, inside functions too, with relative imports written out."""
    package = path.relative_to(ROOT).parts[:-1]
    found, nodes = set(), list(ast.walk(ast.parse(path.read_text())))
    types = [node for node in nodes if isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING']
    unread = {id(inner) for block in types for node in block.body for inner in ast.walk(node)}  # by Python: annotations alone need it
    for node in nodes:
        if id(node) in unread:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            found |= {'.'.join([*start, *([node.module] if node.module else []), alias.name]) for alias in node.names}
    return found


def arrows() -> dict:
    """{(room, imported room): files that do it}, of the package but its own ``__init__``, which imports all."""
    found = {}
    for path in PACKAGE.rglob('*.py'):
        here = path.relative_to(PACKAGE).with_suffix('').parts[0]
        for name in imported(path):
            there = (name.split('.') + [''])[1] if name.startswith('mmseg_fundus.') else ''
            if there and there not in ('__version__', here) and here != '__init__':
                found.setdefault((here, there), set()).add(str(path.relative_to(ROOT)))
    return found


def circle(graph: dict) -> list:
    """Nodes of a graph {node: nodes it points to} that go round, or []."""
    done, way = set(), []

    def visit(node):
        if node in way:
            return way[way.index(node) :]
        if node in done:
            return []
        way.append(node)
        found = next(filter(None, map(visit, sorted(graph.get(node, ())))), [])
        way.pop()
        done.add(node)
        return found

    return next(filter(None, map(visit, sorted(graph))), [])


def test_every_room_has_its_floor():
    rooms = {path.name.removesuffix('.py') for path in PACKAGE.iterdir() if path.suffix == '.py' or (path / '__init__.py').is_file()}
    assert rooms - {'__init__', *GROUND, *FLOOR} == set(), 'put it into FLOORS, and into the picture of CONTRIBUTING.md'


def test_no_import_runs_upwards():
    upwards = {f'{a} -> {b}': files for (a, b), files in arrows().items() if b not in GROUND and FLOOR.get(b, 99) > FLOOR.get(a, -1)}
    assert not upwards


def test_no_imports_go_in_a_circle():
    rooms, modules = {}, {}
    for here, there in arrows():
        rooms.setdefault(here, set()).add(there)
    names = {'.'.join(path.relative_to(ROOT).with_suffix('').parts): path for path in PACKAGE.rglob('*.py') if path.stem != '__init__'}
    for name, path in names.items():
        modules[name] = {m for target in imported(path) for m in (target, target.rpartition('.')[0]) if m in names and m != name}
    assert circle(rooms) == [] and circle(modules) == []


def test_a_circle_is_found():
    assert circle({'a': {'b'}, 'b': {'c'}, 'c': {'b'}}) == ['b', 'c'] and circle({'a': {'b', 'c'}, 'b': {'c'}}) == []


@pytest.mark.parametrize('folder', ['mmseg_fundus', 'tools', 'tests'])
def test_no_file_is_over_300_lines(folder):
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in (ROOT / folder).rglob('*.py')}
    assert {name: count for name, count in lines.items() if count > 300} == {}


def test_the_room_for_files_knows_nothing_of_models_and_data_sets():
    """Of names in the code; a message may say in which setting a file was given."""
    words = re.compile('encoder|backbone|segmentor|decode_head|data_?set|mmseg$|mmpretrain', re.IGNORECASE)
    found = {}
    for path in (PACKAGE / 'fileio').rglob('*.py'):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {getattr(node, field, None) for node in nodes for field in ('id', 'attr', 'arg', 'name')} | imported(path)
        found[path.name] = sorted(name for name in names if isinstance(name, str) and words.search(name))
    assert {name: said for name, said in found.items() if said} == {}


def registered(registry, module: str) -> dict:
    """{name: class} of what the modules below ``mmseg_fundus.<module>`` registered."""
    for info in pkgutil.walk_packages([str(PACKAGE / module.replace('.', '/'))], f'mmseg_fundus.{module}.'):
        importlib.import_module(info.name)
    return {name: made for name, made in registry.module_dict.items() if f'{made.__module__}.'.startswith(f'mmseg_fundus.{module}.')}


@pytest.mark.parametrize(
    'registry, module, most', [(DATASETS, 'datasets', 8), (MODELS, 'models.backbones', 10)], ids=['datasets', 'backbones']
)
def test_a_constructor_asks_for_little(registry, module, most):
    asked = {}
    for name, made in registered(registry, module).items():
        if inspect.isclass(made) and made.__init__.__module__.startswith('mmseg_fundus.'):
            named = [p for p in inspect.signature(made.__init__).parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
            asked[name] = len(named) - 1
    assert asked, 'nothing is registered'
    assert {name: count for name, count in asked.items() if count > most} == {}


def test_the_version_is_written_once_and_the_citation_has_it():
    assert 'dynamic = ["version"' in (ROOT / 'pyproject.toml').read_text()
    assert f'\nversion: {__version__}\n' in (ROOT / 'CITATION.cff').read_text()

"""tools/results_table.py on results that somebody else wrote."""

import importlib.util
import json
import re

import pytest

from mmseg_fundus.errors import DataError


@pytest.fixture
def results_table(root, monkeypatch):
    """tools/results_table.py as a module."""
    monkeypatch.syspath_prepend(str(root / 'tools'))
    spec = importlib.util.spec_from_file_location('results_table', root / 'tools/results_table.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def results_like(root, **values):
    kept = json.loads((root / 'configs/results/lwnet_DRIVE.json').read_text())
    for key, value in values.items():
        *before, last = key.split('__')
        inner = kept
        for name in before:
            inner = inner[name]
        inner[last] = value
    return kept


@pytest.mark.parametrize(
    'values',
    [
        dict(data__class=5),
        dict(data__class=None),
        dict(data__pictures=None),
        dict(weights=[1]),
        dict(trained=[1]),
        dict(trained={'data': 5}),
        dict(config=5),
        dict(threshold_chosen_on='abc'),
        dict(prediction={'threshold': '0.5'}),
        dict(report={'field of view': {'pooled': {'Dice': 'abc'}}}),
        dict(report={'field of view': {'pooled': [1]}}),
        dict(report={'field of view': 1}),
        dict(report={'field of view': {'pooled': {'Dice': 10**400}}}),
    ],
)
def test_results_of_another_kind_are_not_taken_into_the_table(results_table, root, tmp_path, values):
    (tmp_path / 'bad.json').write_text(json.dumps(results_like(root, **values)))
    with pytest.raises(DataError, match='bad.json is no results.json of tools/test.py'):
        results_table.add(tmp_path / 'bad.json', tmp_path / 'kept')
    assert not (tmp_path / 'kept').exists()


def test_what_results_say_makes_neither_folders_nor_markup(results_table, root, tmp_path):
    names = dict(method='../../<img src=x onerror=alert(1)>|', data__class='x/../../y\n\n| [pwn](http://x) |', trained__seed='/../z')
    (tmp_path / 'new.json').write_text(json.dumps(results_like(root, **names, report__mean=None)))
    kept = results_table.add(tmp_path / 'new.json', tmp_path / 'deep/kept')
    assert kept.parent == tmp_path / 'deep/kept' and kept.is_file() and not kept.name.startswith('.')
    lines = results_table.tables(tmp_path / 'deep/kept', []).splitlines()
    assert len(lines) == 3 and len(re.findall(r'(?<!\\)\|', lines[2])) == len(re.findall(r'\|', lines[0]))
    assert '\\<img' in lines[2] and not re.search(r'(?<!\\)[<\[]', lines[2])


def test_deep_results_are_a_line(results_table, tmp_path):
    (tmp_path / 'deep.json').write_text('[' * 200_000)
    with pytest.raises(DataError, match='deep.json is no results.json .*RecursionError'):
        results_table.load(tmp_path / 'deep.json')

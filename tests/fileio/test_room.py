"""The room for files knows files alone; docs/files.md shows what was measured."""

import ast
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import readers  # noqa: E402

ALLOWED = {'numpy', 'torch', 'safetensors'}


def modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield '.' * node.level + (node.module or '')


def test_it_imports_the_errors_and_nothing_else_of_the_package(root):
    files = sorted((root / 'mmseg_fundus/fileio').glob('*.py'))
    own = {f'.{path.stem}' for path in files} | {'..errors', 'mmengine.logging'}
    odd = {
        f'{path.name}: {name}'
        for path in files
        for name in modules(path)
        if name not in own and name.split('.')[0] not in ALLOWED | set(sys.stdlib_module_names)
    }
    assert len(files) > 10 and not odd


@pytest.mark.parametrize('word', ['--weights', 'model.backbone', '--resume', 'encoder', 'data set', 'WeightsError', 'CheckpointError'])
def test_it_does_not_say_what_files_are_for(root, word):
    assert [path.name for path in (root / 'mmseg_fundus/fileio').glob('*.py') if word in path.read_text()] == []


def test_every_hostile_file_is_refused_and_every_honest_one_read_in_each_measured_torch(root):
    measured = json.loads((root / 'docs/files.json').read_text())
    assert len(measured) >= 2
    for groups in measured.values():
        assert groups.keys() == readers.cases().keys()
        for group, files in groups.items():
            expected = 'reads' if group.startswith('honest') else 'refuses'
            assert {name: told['ours'] for name, told in files.items()} == dict.fromkeys(readers.cases()[group], expected)
    page = (root / 'docs/files.md').read_text()
    assert '\n'.join(readers.table(measured)) in page


@pytest.mark.parametrize('name', ['a deep tuple as a key', 'a tensor filled'])
def test_a_reader_is_tried_in_a_process_of_its_own(tmp_path, name):
    group = 'containers filled wrongly, odd keys, deep tuples'
    readers.cases()[group][name](tmp_path / 'x.pth')
    assert readers.tried(readers.safe_load, tmp_path / 'x.pth') == 'refuses'


def test_code_that_runs_and_a_crash_are_seen(tmp_path):
    readers.cases()['code to run']['zip'](tmp_path / 'x.pth')
    assert readers.tried(lambda path: readers.torch.load(path, weights_only=False), tmp_path / 'x.pth') == 'runs code'
    (tmp_path / 'y').mkdir()
    (tmp_path / 'y/x.pth').touch()
    assert readers.tried(lambda path: readers.os.abort(), tmp_path / 'y/x.pth') == 'crashes'

"""Everything that is imported is declared in requirements/."""

import ast
import re
import sys
from importlib import metadata

import pytest

CHECKED = {  # folders -> the files that declare what they may import
    ('mmseg_fundus', 'tools', 'examples', 'configs'): ('runtime', 'mm', 'mminstall', 'export', 'dicom', 'timm'),
    ('tests',): ('runtime', 'mm', 'mminstall', 'export', 'dicom', 'timm', 'tests'),
}


def declared(root, file):
    lines = (root / f'requirements/{file}.txt').read_text().splitlines()
    return {re.match(r'[\w.-]+', line).group() for line in lines if line and not line.startswith('#')}


def modules_of(distribution):
    """Top-level names that an installed distribution provides; none if it is not installed."""
    try:
        files = metadata.distribution(distribution).files or ()
    except metadata.PackageNotFoundError:
        return set()
    return {file.parts[0].removesuffix('.py') for file in files}


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        yield from (name.split('.')[0] for name in names)


@pytest.mark.slow
@pytest.mark.parametrize('folders', CHECKED, ids=lambda folders: folders[0])
def test_each_package_that_is_imported_is_declared(root, folders):
    files = [path for folder in folders for path in sorted((root / folder).rglob('*.py'))]
    scripts = [root / 'mmseg_fundus_tools.py', *(path for folder in ('tests', 'tools') for path in (root / folder).rglob('*.py'))]
    own = {'mmseg_fundus'} | {path.stem for path in scripts} | {path.parent.name for path in scripts if path.stem == '__init__'}
    known = own | set(sys.stdlib_module_names)
    for distribution in set().union(*(declared(root, file) for file in CHECKED[folders])):
        known |= modules_of(distribution)
    undeclared = {f'{path.relative_to(root)}: {name}' for path in files for name in imports_of(path) if name not in known}
    assert len(files) > 20 and undeclared == set()


def test_an_installation_brings_what_the_package_itself_imports(root):
    """Either family of the OpenMMLab packages, with ``runtime``; nothing that another package happens to bring."""
    asked = declared(root, 'runtime')
    assert {'scipy', 'opencv-python', 'numpy', 'scikit-image'} <= asked
    assert not {name for name in asked if name.startswith('opencv')} - {'opencv-python'}, 'two of them overwrite each other'

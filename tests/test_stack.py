import subprocess
import sys

import pytest

from mmseg_fundus.stack import find_problem, installed_versions

ONEDL = {
    'onedl-mmengine': '0.10.12',
    'onedl-mmcv': '2.3.2.post2',
    'onedl-mmsegmentation': '1.4.2',
    'onedl-mmpretrain': '1.3.6',
    'torchvision': '0.29.2',
}
UPSTREAM = {'mmengine': '0.10.7', 'mmcv': '2.1.0', 'mmsegmentation': '1.2.2', 'mmpretrain': '1.2.0', 'torchvision': '0.16.2+cu121'}


@pytest.mark.parametrize('versions', [ONEDL, UPSTREAM, installed_versions()])
def test_either_family_of_packages_is_accepted(versions):
    assert find_problem(versions) is None


@pytest.mark.parametrize(
    'versions, words',
    [
        ({}, ['mmengine', 'mmcv', 'mmseg', 'mmpretrain']),
        ({k: v for k, v in ONEDL.items() if k != 'onedl-mmcv'}, ['missing', 'mmcv']),
        ({k: v for k, v in ONEDL.items() if k != 'torchvision'}, ['missing', 'torchvision']),
        ({**ONEDL, 'mmcv': '2.1.0'}, ['mixed', 'mmcv 2.1.0', 'onedl-mmcv 2.3.2.post2']),
        ({**ONEDL, 'onedl-mmsegmentation': '1.2.9'}, ['too old', 'onedl-mmsegmentation 1.2.9', '1.4.0']),
        ({**UPSTREAM, 'mmsegmentation': '1.0.0'}, ['too old', 'mmsegmentation 1.0.0']),
    ],
)
def test_missing_mixed_or_old_packages_are_named_with_the_install_line(versions, words):
    problem = find_problem(versions)
    assert all(word in problem for word in words), problem
    assert "pip install 'mmseg_fundus[mm]'" in problem and '\n' not in problem


def test_import_without_the_stack_is_one_readable_error(root, tmp_path):
    """A fresh interpreter that cannot see any mm* distribution."""
    code = 'from importlib import metadata\ndef none(name): raise metadata.PackageNotFoundError(name)\nmetadata.version = none\n'
    tool = code + f'import sys; sys.path.insert(0, {str(root / "tools")!r}); import _setup'
    done = subprocess.run([sys.executable, '-c', tool], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().startswith('error: mmseg_fundus: packages are missing') and len(done.stderr.strip().splitlines()) == 1

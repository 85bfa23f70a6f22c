import os
import re
import subprocess
import sys

import pytest

from mmseg_fundus.engine.config import load_config
from mmseg_fundus.errors import ConfigError
from mmseg_fundus.stack import INSTALL, find_problem, installed_versions

ONEDL = {
    'onedl-mmengine': '0.10.12',
    'onedl-mmcv': '2.3.2.post2',
    'onedl-mmsegmentation': '1.4.2',
    'onedl-mmpretrain': '1.3.6',
    'torchvision': '0.29.2',
}
UPSTREAM = {'mmengine': '0.10.7', 'mmcv': '2.1.0', 'mmsegmentation': '1.2.2', 'mmpretrain': '1.2.0', 'torchvision': '0.16.2+cu121'}

FOLDERS = ('mmseg_fundus', 'configs', 'docs', 'examples', 'requirements', 'tests', 'tools')


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
    install = ['mmcv==2.1.0', 'mmsegmentation==1.2.2'] if 'mmengine' in versions else ["pip install -e '.[mm]'", "'onedl-mmcv>="]
    assert all(word in problem for word in install) and '\n' not in problem


@pytest.mark.parametrize('family, file', [(0, 'mm'), (1, 'mminstall')])
def test_the_advice_names_what_the_requirements_ask_for(root, family, file):
    asked = (root / f'requirements/{file}.txt').read_text()
    advised = [word.strip("',") for word in INSTALL[family].split() if 'mm' in word and ('==' in word or '>=' in word)]
    assert len(advised) >= 3 and all(f'\n{word}\n' in asked for word in advised), advised


def test_no_text_advises_a_name_that_is_not_ours_on_pypi(root):
    """``mmseg_fundus`` is not there: whoever registers it would be installed."""
    texts = [path for path in root.glob('*.*') if path.is_file()]
    texts += [path for name in FOLDERS for path in (root / name).rglob('*') if path.suffix in ('.py', '.md', '.sh', '.txt', '.html')]
    advice = re.compile(r'pip install[^\n]*\bmmseg[_-]fundus\b')
    assert len(texts) > 100 and [str(path) for path in texts if advice.search(path.read_text(errors='replace'))] == []


HUB = """
import subprocess, sys
import mmseg_fundus
from mmengine.config import Config
from mmengine.hub import get_config, get_model
def refuse(*command, **options): raise SystemExit(f'asked for {command}')
subprocess.Popen = refuse
config = 'mmseg::unet/unet-s5-d16_fcn_4xb4-40k_drive-64x64.py'
found = [get_config(config).model.type, Config.fromfile(sys.argv[1]).model.type]
found += [get_config('mmpretrain::resnet/resnet18_8xb32_in1k.py').model.type]
found += [type(get_model(name)).__name__ for name in (config, 'mmpretrain::resnet/resnet18_8xb32_in1k.py')]
for name in ('mmengine::a/b.py', 'mmcv::a/b.py'):
    try:
        get_config(name)
    except AssertionError as error:
        found.append(str(error))
print(*found, sep=chr(10))
"""


@pytest.mark.slow
def test_a_config_of_another_package_is_found_and_nothing_is_installed(root, tmp_path):
    """mmengine's hub knows upstream's names alone, and installs by itself what it does not find under them."""
    (tmp_path / 'child.py').write_text("_base_ = 'mmseg::unet/unet-s5-d16_fcn_4xb4-40k_drive-64x64.py'\n")
    env = {**os.environ, 'PYTHONPATH': str(root)}
    done = subprocess.run([sys.executable, '-c', HUB, 'child.py'], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    refused = [f'mmengine does not support to load {name} config.' for name in ('mmengine', 'mmcv')]
    found = ['EncoderDecoder', 'EncoderDecoder', 'ImageClassifier', 'EncoderDecoder', 'ImageClassifier']
    assert done.stdout.splitlines()[-7:] == found + refused


@pytest.mark.parametrize(
    'base, words', [('mmseg_fundus::ablation/bas.py', 'did you mean mmseg_fundus::ablation/base.py'), ('mmdet::a/b.py', 'not installed')]
)
def test_a_base_that_cannot_be_found_is_one_clear_error(tmp_path, base, words):
    (tmp_path / 'child.py').write_text(f'_base_ = {base!r}\n')
    with pytest.raises(ConfigError, match=f'child.py cannot be read as a config: .*{words}'):
        load_config(tmp_path / 'child.py')


def test_import_without_the_stack_is_one_readable_error(root, tmp_path):
    """A fresh interpreter that cannot see any mm* distribution."""
    code = 'from importlib import metadata\ndef none(name): raise metadata.PackageNotFoundError(name)\nmetadata.version = none\n'
    tool = code + f'import sys; sys.path.insert(0, {str(root / "tools")!r}); import _setup'
    tool += '\nfrom mmseg_fundus.cli.run import load, run; run(load)'
    done = subprocess.run([sys.executable, '-c', tool], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().startswith('error: mmseg_fundus: packages are missing') and len(done.stderr.strip().splitlines()) == 1

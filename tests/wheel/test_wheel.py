"""What travels: configs, tools and the bundled model; no results, checkpoints, pictures.  ``uvx nox -s wheel`` uses it installed."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip('setuptools', minversion='77')
pytestmark = pytest.mark.slow

BUILD = 'import sys; from setuptools import build_meta; getattr(build_meta, f"build_{sys.argv[1]}")(sys.argv[2])'
LEFT_BEHIND = (  # of work in the checkout, and of an earlier build
    *('configs/work_dirs/run/config.py', 'tools/work_dirs/run/config.py', 'configs/results/mine.json', 'configs/results/mine.pth'),
    *('weights/VFM_Fundus_weights.pth', 'data/DRIVE/a.png', 'mmseg_fundus/zoo/mine.pth', 'build/lib/mmseg_fundus/gone.py'),
)
COPIED = ('configs', 'docs', 'examples', 'mmseg_fundus', 'requirements', 'tools')


def built(kind, source, folder):
    folder.mkdir()
    done = subprocess.run([sys.executable, '-c', BUILD, kind, str(folder)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.iterdir())


@pytest.fixture(scope='module')
def checkout(root, tmp_path_factory):
    """A copy of the checkout, in which somebody has worked; its path holds names that are left out inside."""
    folder = tmp_path_factory.mktemp('results') / 'work_dirs'
    for name in COPIED:
        shutil.copytree(root / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns('__pycache__', 'work_dirs'))
    for path in (path for path in root.iterdir() if path.is_file() and path.name != '.git'):
        shutil.copy(path, folder)
    for name in LEFT_BEHIND:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('x = 1\n')
    return folder


@pytest.fixture(scope='module')
def wheel(checkout, tmp_path_factory):
    return built('wheel', checkout, tmp_path_factory.mktemp('built') / 'wheel')


@pytest.fixture(scope='module')
def site(wheel, tmp_path_factory):
    """The wheel, unpacked as an installer does it."""
    folder = tmp_path_factory.mktemp('site')
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def names_of(wheel):
    return {name for name in zipfile.ZipFile(wheel).namelist() if '.dist-info/' not in name}


def test_configs_tools_and_the_bundled_model_travel(root, wheel):
    names = names_of(wheel)
    configs = {f'configs/{path.relative_to(root / "configs").as_posix()}' for path in (root / 'configs').rglob('*.py')}
    tools = {f'tools/{path.name}' for path in (root / 'tools').iterdir() if path.suffix in ('.py', '.sh')}
    left = {'tools/check_gpu.sh', 'tools/quickstart.sh', 'tools/run_tests.sh'}
    inside = {name.removeprefix('mmseg_fundus/.mim/') for name in names if name.startswith('mmseg_fundus/.mim/')}
    more = {'model-index.yml', 'configs/metafile.yml', 'configs/README.md', 'mmseg_fundus/zoo/contrast_unet.py'}
    assert inside == {name for name in configs if 'work_dirs' not in name} | tools - left | more
    modules = {path.relative_to(root).as_posix() for path in (root / 'mmseg_fundus').rglob('*.py') if '.mim' not in path.parts}
    assert names - {f'mmseg_fundus/.mim/{name}' for name in inside} - modules == {
        *(
            'mmseg_fundus_tools.py',
            'mmseg_fundus/py.typed',
            'mmseg_fundus/zoo/contrast_unet.safetensors',
            'mmseg_fundus/zoo/contrast_unet.md',
        ),
        *('mmseg_fundus/report/style.css', 'mmseg_fundus/report/script.js', 'mmseg_fundus/report/templates/page.html'),
        *(str(path.relative_to(root)) for path in (root / 'mmseg_fundus/report/templates').glob('*.html')),
    }
    assert modules <= names


def test_nothing_that_was_made_in_the_checkout_travels(wheel):
    wrong = ('.pth', '.json', '.png', '.jpg', '.tif', '.gif', '.ppm', '.onnx')
    assert [name for name in names_of(wheel) if name.endswith(wrong) or 'work_dirs' in name or 'gone' in name] == []
    assert wheel.stat().st_size < 4 * 2**20


def test_the_wheel_of_an_sdist_is_the_same(checkout, wheel, tmp_path):
    archive = tarfile.open(built('sdist', checkout, tmp_path / 'sdist'))
    assert not [name for name in archive.getnames() if name.endswith('.pth') or '/configs/results/' in name or '/work_dirs/' in name]
    archive.extractall(tmp_path / 'unpacked', filter='data')
    again = built('wheel', next((tmp_path / 'unpacked').iterdir()), tmp_path / 'again')
    assert names_of(again) == names_of(wheel) and again.name == wheel.name


def test_the_first_module_is_the_package(site):
    """Where mmengine looks for what lies in ``.mim``."""
    info = next(site.glob('*.dist-info'))
    assert (info / 'top_level.txt').read_text().split() == ['mmseg_fundus', 'mmseg_fundus_tools']
    assert 'fundus-vessels = mmseg_fundus_tools:main' in (info / 'entry_points.txt').read_text()


@pytest.mark.parametrize(
    'words, status, said',
    [
        (['--version'], 0, 'fundus-vessels '),
        (['predict', '--help'], 0, 'usage: fundus-vessels predict'),
        (['train', 'contrast_unet.py', '--resume', '/nope.pth'], 1, '.mim/configs/contrast_unet.py is taken, which comes with the package'),
        (['reproduce', '--help'], 0, 'work_dirs/results'),
        (['results-table', '--check'], 1, '--check compares the table with that of a file'),
        (['dist-train'], 2, 'usage: dist_train.sh CONFIG PROCESSES'),
    ],
)
def test_the_command_needs_no_checkout(site, tmp_path, words, status, said):
    command = [sys.executable, '-m', 'mmseg_fundus_tools', *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, 'PYTHONPATH': str(site)})
    assert done.returncode == status and said in done.stdout + done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []


USED = """
import sys
from pathlib import Path
from mmengine.config import Config
from mmengine.hub import get_config
import mmseg_fundus
from mmseg_fundus.shipped import config_names
site = Path(sys.argv[1])
assert Path(mmseg_fundus.__file__).parent == site / 'mmseg_fundus', mmseg_fundus.__file__
for name in config_names():
    path = site / 'mmseg_fundus/.mim/configs' / name
    assert Config.fromfile(str(path)).filename == str(path)
for name in ('contrast_unet.py', 'ablation/base.py'):
    assert Path(get_config(f'mmseg_fundus::{name}').filename) == site / 'mmseg_fundus/.mim/configs' / name
print(len(config_names()))
"""


def test_every_config_reads_where_it_was_carried(site, tmp_path, root):
    env = {**os.environ, 'PYTHONPATH': str(site)}
    done = subprocess.run([sys.executable, '-c', USED, str(site)], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) == len([path for path in (root / 'configs').rglob('*.py') if 'work_dirs' not in path.parts])
    assert not Path(tmp_path / 'work_dirs').exists()

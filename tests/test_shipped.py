"""Configs that come with the package are found by name: as a base, by mmengine's hub, by inferencers, by commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hub import get_config, get_model
from mmengine.registry import DefaultScope
from mmseg.apis import MMSegInferencer

from mmseg_fundus.engine.config import load_config
from mmseg_fundus.errors import CheckpointError, ConfigError
from mmseg_fundus.models.checkpoints import read_checkpoint
from mmseg_fundus.named_files import _say_once, find_config
from mmseg_fundus.shipped import config_names, shipped_config
from mmseg_fundus.utils import register_all_modules
from mmseg_fundus.zoo import bundled


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Far from the checkout, and nothing is installed."""

    def refuse(*command, **options):
        raise AssertionError(f'asked for {command}')

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('mmengine.utils.package_utils.call_command', refuse)
    _say_once.cache_clear()


def test_every_config_of_the_checkout_has_its_name(root):
    written = {path.relative_to(root / 'configs').as_posix() for path in (root / 'configs').rglob('*.py')}
    assert set(config_names()) == {name for name in written if 'work_dirs' not in name} and 'ablation/base.py' in written


@pytest.mark.parametrize('name', ['setr_mla_vitb16_frozen.py', 'contrast_unet.py', 'ablation/base.py', '_base_/default_runtime.py'])
def test_a_base_that_is_named_is_the_file_of_that_name(root, name):
    Path('child.py').write_text(f"_base_ = 'mmseg_fundus::{name}'\nrandomness = dict(seed=7)\n")
    named, by_path = Config.fromfile('child.py'), Config.fromfile(str(root / 'configs' / name))
    by_path.merge_from_dict({'randomness.seed': 7})
    assert named.to_dict() == by_path.to_dict(), 'no _scope_ either: the package registers in that of mmseg'


@pytest.mark.parametrize('name', ['setr_mla_vitb16_frozen.py', 'contrast_unet_drive.py', 'ablation/base.py'])
def test_mmengines_hub_finds_a_config(root, name):
    assert get_config(f'mmseg_fundus::{name}').to_dict() == Config.fromfile(str(root / 'configs' / name)).to_dict()


def test_mmengines_hub_builds_a_model_and_loads_the_checkpoint_that_comes_with_it():
    assert get_config('mmseg_fundus::contrast_unet.py', pretrained=True).model_path == 'mmseg_fundus://contrast_unet'
    plain, trained = (get_model('mmseg_fundus::contrast_unet.py', pretrained=pretrained) for pretrained in (False, True))
    kept = Config.fromfile(str(bundled()[0])).model
    assert type(plain).__name__ == kept.type and trained.decode_head.sees == 'picture'
    different = [name for name, value in trained.state_dict().items() if not value.equal(plain.state_dict()[name])]
    assert len(different) > 10
    with pytest.raises(CheckpointError, match='no checkpoint of contrast_unet_drive comes with the package .*contrast_unet.*name yours'):
        get_model('mmseg_fundus::contrast_unet_drive.py', pretrained=True)


@pytest.mark.parametrize('scope', [{}, {'scope': 'mmseg_fundus'}])
def test_an_inferencer_is_named(root, scope):
    found = MMSegInferencer('contrast_unet', device='cpu', **scope)
    assert found.cfg.model.test_cfg == Config.fromfile(str(root / 'configs/contrast_unet.py')).model.test_cfg
    kept = read_checkpoint(bundled()[1])['state_dict']
    assert all(value.equal(kept[name]) for name, value in found.model.state_dict().items())


@pytest.mark.parametrize('scope', [{}, {'scope': 'mmseg_fundus'}])
def test_a_model_without_its_checkpoint_is_no_model(scope):
    with pytest.raises(CheckpointError, match='no checkpoint of setr_mla_vitb16_frozen_detail comes with the package'):
        MMSegInferencer('setr_mla_vitb16_frozen_detail', device='cpu', **scope)


def test_the_models_are_listed(root):
    found = MMSegInferencer.list_models('mmseg_fundus')
    assert set(found) == {path.stem for path in (root / 'configs').glob('*.py')} - {'quickstart'}


@pytest.mark.parametrize('current, then', [('mmseg_fundus', 'mmseg_fundus'), ('mmpretrain', 'mmseg')])
@pytest.mark.filterwarnings('ignore:The current default scope')
def test_all_modules_are_registered_in_a_scope_that_knows_them(current, then):
    with DefaultScope.overwrite_default_scope(current):
        register_all_modules()
        assert DefaultScope.get_current_instance().scope_name == then


@pytest.mark.parametrize('name', ['contrast_unt.py', 'contrast_unt', 'configs/contrast_unt.py'])
def test_a_name_that_is_not_there_is_refused_and_a_near_one_named(name):
    with pytest.raises(ConfigError, match=f'mmseg_fundus::{name}: no config .*; did you mean mmseg_fundus::contrast_unet.py'):
        get_config(f'mmseg_fundus::{name}')


OLD_COPY = """
import sys
from mmengine.hub import get_config  # before our package, as import sorters have it
import mmseg_fundus
print(mmseg_fundus.__file__, get_config('mmseg_fundus::contrast_unet.py').filename)
"""


@pytest.mark.slow
def test_the_configs_are_those_of_the_package_that_is_imported(root, tmp_path):
    """Another version may be installed: mmengine asks the metadata where a package lies."""
    info = tmp_path / 'installed/mmseg_fundus-0.0.1.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: mmseg_fundus\nVersion: 0.0.1\n')
    (info / 'top_level.txt').write_text('mmseg_fundus\n')
    (tmp_path / 'installed/mmseg_fundus').mkdir()
    env = {**os.environ, 'PYTHONPATH': f'{root}{os.pathsep}{tmp_path / "installed"}'}
    done = subprocess.run([sys.executable, '-c', OLD_COPY], capture_output=True, text=True, env=env)
    imported, config = done.stdout.splitlines()[-1].split()
    assert Path(config).is_relative_to(Path(imported).parent), done.stderr


# ---- what a command names


@pytest.mark.parametrize(
    'name, file',
    [
        ('contrast_unet.py', 'contrast_unet.py'),
        ('setr_mla_vitb16_frozen_detail', 'setr_mla_vitb16_frozen_detail.py'),
        ('ablation/base.py', 'ablation/base.py'),
        ('configs/ablation/base.py', 'ablation/base.py'),
        ('./contrast_unet.py', 'contrast_unet.py'),
    ],
)
def test_a_config_that_is_not_here_is_that_of_the_package_and_a_line_says_so_once(root, capsys, name, file):
    assert find_config(name) == root / 'configs' / file == find_config(name)
    told = capsys.readouterr()
    assert told.out == '' and told.err.count('\n') == 1
    assert f'config {Path(name)} is not in {Path.cwd()}; {root / "configs" / file} is taken, which comes with the package' in told.err


def test_one_process_of_several_says_it(capsys, monkeypatch):
    monkeypatch.setenv('RANK', '1')
    assert find_config('contrast_unet.py').is_file() and capsys.readouterr().err == ''


def test_a_file_that_is_here_is_never_passed_over(capsys):
    Path('contrast_unet.py').write_text('mine = 1\n')
    assert find_config('contrast_unet.py') == Path('contrast_unet.py') and capsys.readouterr().err == ''
    assert 'mine' in load_config('contrast_unet.py')


@pytest.mark.parametrize('name', ['mine/contrast_unet.py', '../contrast_unet.py', '/nope/contrast_unet.py', '_base_/../contrast_unet.py'])
def test_a_path_that_says_where_is_no_name(name):
    with pytest.raises(ConfigError, match='config file not found: '):
        find_config(name)
    assert shipped_config(name) is None


def test_a_folder_of_that_name_is_no_config():
    Path('contrast_unet.py').mkdir()
    with pytest.raises(ConfigError, match='config file not found: '):
        find_config('contrast_unet.py')


def test_a_misspelt_name_is_answered_with_a_near_one_here_or_of_the_package():
    with pytest.raises(ConfigError, match=r'did you mean setr_mla_vitb16_frozen_detail\.py\?'):
        find_config('setr_mla_vitb16_frozen_detial.py')
    Path('setr_mine.py').write_text('')
    with pytest.raises(ConfigError, match=r'did you mean setr_mine\.py\?'):
        find_config('setr_min.py')

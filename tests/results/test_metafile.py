"""The file that OpenMMLab's tools read of our configs is made of the results, as the table is."""

import json
import shutil

import pytest
from mmengine.fileio import load

from mmseg_fundus.results.metafile import metafile_of, write_metafile


@pytest.fixture(scope='module')
def models(root):
    return {model['Name']: model for model in load(root / 'configs/metafile.yml')['Models']}


def test_it_is_what_the_results_say(root):
    ((path, text),) = metafile_of(root / 'configs/results', root / 'configs')
    assert path == root / 'configs/metafile.yml' and path.read_text() == text, 'python tools/results_table.py'


def test_the_index_names_it_and_it_names_every_config(root, models):
    assert load(root / 'model-index.yml') == {'Import': ['configs/metafile.yml']}
    assert set(models) == {path.stem for path in (root / 'configs').glob('*.py')} - {'quickstart'}
    assert all((root / model['Config']).stem == name for name, model in models.items())


def test_several_seeds_are_their_mean_and_it_is_said_on_what(root, models):
    (found,) = [one for one in models['contrast_unet_drive']['Results'] if one['Dataset'] == 'DRIVE test, 20' and one['Threshold'] == '0.5']
    files = [root / f'configs/results/contrast_unet_drive_DRIVE_seed{seed}.json' for seed in (1, 2, 3)]
    dice = [json.loads(path.read_text())['report']['field of view']['pooled']['Dice'] for path in files]
    assert (
        found['Metrics']['Dice'] == round(sum(dice) / 3, 4) and found['Trained on'] == 'DRIVE trainval, 20' and found['Seeds'] == '1, 2, 3'
    )


def test_what_was_not_run_has_no_figure_and_stands_in_for_nothing(models):
    assert 'Results' not in models['setr_mla_retfound_vitl16_frozen']
    encoders = [one['Encoder'] for one in models['setr_mla_vitb16_frozen_detail']['Results']]
    assert encoders and all('stand-in' in encoder for encoder in encoders)


def test_results_of_ones_own_make_no_metafile_of_ours(root, tmp_path):
    shutil.copytree(root / 'configs', tmp_path / 'configs', ignore=shutil.ignore_patterns('*.pth', 'work_dirs'))
    (tmp_path / 'configs/metafile.yml').unlink()
    (tmp_path / 'mine').mkdir()
    assert metafile_of(tmp_path / 'mine', tmp_path / 'configs') == []
    write_metafile(tmp_path / 'mine', tmp_path / 'configs')
    assert not (tmp_path / 'configs/metafile.yml').exists()
    write_metafile(tmp_path / 'configs/results', tmp_path / 'configs')
    assert (tmp_path / 'configs/metafile.yml').read_text() == (root / 'configs/metafile.yml').read_text()

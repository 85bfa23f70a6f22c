"""Does an encoder help: what is wrong is said before the first training; the runs are paired, kept, and say no where there is nothing."""

import json
import sys

import pytest

from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.engine.probe import FILE, RANDOM, ZEROS, Run, find_pictures, labelled, probe_config

TINY_PROBE = """
_base_ = {base!r}
model = dict(
    precision='float32',
    backbone=dict(out_indices=(0, 1, 2, 3), precision='float32'),
    neck=dict(channels=16),
    decode_head=dict(in_channels=16, detail_channels=(8, 8, 8, 8)),
    test_cfg=dict(crop_size=(64, 64), stride=(48, 48), pixels_per_degree=1.4),
)
train_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(augmentation=dict(size=(32, 32), pixels_per_degree=1.4))
)
val_dataloader = test_dataloader = dict(num_workers=0, persistent_workers=False)
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """DRIVE's folders with 10 training pictures, two of which are held out, and another camera's five."""
    folder = tmp_path_factory.mktemp('probe')
    write_drive_layout(folder / 'DRIVE', training=10, test=2, size=64)
    return folder


@pytest.fixture
def config(root, tmp_path):
    path = tmp_path / 'tiny_probe.py'
    path.write_text(TINY_PROBE.format(base=str(root / 'configs/probe/detail.py')))
    return path


@pytest.fixture
def probe(shell, root, data, config, tiny_weights):
    def call(*arguments, weights=(tiny_weights,), **env):
        given = ('--weights', *weights, '--data-root', data, '--config', config, '--work-dir', 'out', '--gpus', '0', *arguments)
        return shell(sys.executable, root / 'tools/probe_encoder.py', *given, **env)

    return call


@pytest.mark.parametrize(
    'arguments, words',
    [
        (('--seeds', '1', '1'), '--seeds: 1 stands there twice'),
        (('--seeds', '-1'), '--seeds -1: 0 or more was expected'),
        (('--labels', 'most'), '--labels most: a number of 1 or more, or all'),
        (('--labels', '99'), '--labels 99: DRIVE has 8 training pictures here, 2 more are held out'),
        (('--dataset', 'DRIVES'), '--dataset DRIVES: unknown, use one of DRIVE'),
        (('--other', 'STARE'), '--other STARE: SET=DIR was expected'),
        (('--other', 'DRIVE=.'), '--other DRIVE=.: DRIVE trains'),
        (('--other', 'STARE=nowhere'), '--other STARE=nowhere: no such folder'),
        (('--gpus', '99'), '--gpus 99: this machine has'),
    ],
)
def test_what_cannot_be_meant_is_said_before_the_first_training(probe, tmp_path, arguments, words):
    done = probe(*arguments)
    assert done.returncode == 1 and f'error: {words}' in done.stdout and 'Traceback' not in done.stdout, done.stdout
    assert not (tmp_path / 'out').exists()


def test_files_are_checked_before_the_first_training(probe, tiny_weights, tmp_path):
    (tmp_path / 'bad.pth').write_text('not found')
    (tmp_path / 'copy.pth').write_bytes(tiny_weights.read_bytes())
    for weights, words in (
        ((tiny_weights, 'none.pth'), 'none.pth: no such file'),
        ((tiny_weights, 'bad.pth'), 'bad.pth is a text file'),
        ((tiny_weights, 'copy.pth'), 'tiny.pth; leave one out'),
    ):
        done = probe(weights=weights)
        assert done.returncode == 1 and words in done.stdout and not (tmp_path / 'out').exists(), done.stdout


def test_a_dry_run_lists_the_trainings_and_about_how_long_they_take(probe, tmp_path):
    done = probe('--dry-run')
    assert done.returncode == 0, done.stdout
    assert '27 trainings of 160 steps (27 to do), about ' in done.stdout and 'min on two CPU cores' in done.stdout
    assert 'tiny (random weights), 5 pictures, seed 3\n' in done.stdout and not (tmp_path / 'out').exists()


def test_the_runs_of_a_seed_differ_in_what_the_decoder_sees_alone(config, data):
    pictures = find_pictures('DRIVE', data / 'DRIVE', {})
    made = {kind: probe_config(config, Run('a', kind, f'{kind}.pth', 5, 1), pictures, 'work') for kind in (FILE, RANDOM, ZEROS)}
    plain = {kind: cfg.to_dict() for kind, cfg in made.items()}
    for kind, cfg in plain.items():
        assert cfg['model']['backbone'].pop('weights') == f'{kind}.pth'
        assert cfg['model']['decode_head'].pop('context') == ('zeros' if kind == ZEROS else 'maps')
    assert plain[FILE] == plain[RANDOM] == plain[ZEROS]


def test_few_training_pictures_are_among_many_and_get_as_many_crops(config, data):
    pictures = find_pictures('DRIVE', data / 'DRIVE', {})
    assert set(labelled(pictures, 1, 3)) < set(labelled(pictures, 5, 3)) and labelled(pictures, 5, 3) != labelled(pictures, 5, 4)
    for labels in (1, 5, 8):
        loader = probe_config(config, Run('a', FILE, 'a.pth', labels, 1), pictures, 'work').train_dataloader
        assert len(loader.dataset.indices) == labels and loader.sampler.repeats * labels // loader.batch_size == 40
        assert loader.sampler.views * labels == 160


def test_no_test_picture_is_ever_read(config, data):
    cfg = probe_config(config, Run('a', FILE, 'a.pth', 8, 1), find_pictures('DRIVE', data / 'DRIVE', {}), 'work')
    assert cfg.train_dataloader.dataset.split == 'train'
    assert cfg.val_dataloader.dataset.split == cfg.test_dataloader.dataset.split == 'val'


@pytest.mark.slow  # twelve tiny trainings
def test_random_weights_against_others_say_no_and_a_second_command_trains_nothing(probe, tmp_path):
    done = probe('--quick', '--seeds', '1', '2')
    assert done.returncode == 0, done.stdout
    assert '6 trainings of 20 steps (6 to do)' in done.stdout and '[6/6] tiny (no encoder), 8 pictures, seed 2: Dice ' in done.stdout
    found = json.loads((tmp_path / 'out/probe.json').read_text())
    assert len(found['rows']) == 6 * 2 and {row['picture'] for row in found['rows']} == {row['picture'] for row in found['rows'][:2]}
    assert 'adds nothing that can be told from noise' in found['sentences'][0], found['sentences']
    page = (tmp_path / 'out/probe.html').read_text()
    assert 'told from noise' in page and '| encoder | column |' in (tmp_path / 'out/probe.md').read_text()

    again = probe('--quick', '--seeds', '1', '2')
    assert '6 of 6 trainings are done already' in again.stdout and json.loads((tmp_path / 'out/probe.json').read_text()) == found
    for path in list((tmp_path / 'out/runs').glob('*_file_8_seed1/results.json')):
        path.unlink()
    third = probe('--quick', '--seeds', '1', '2')
    assert '[1/1] tiny (file), 8 pictures, seed 1' in third.stdout, third.stdout
    assert json.loads((tmp_path / 'out/probe.json').read_text()) == found  # the same command, the same figures


@pytest.mark.slow
def test_other_cameras_are_scored_beside_the_largest_training(probe, tmp_path):
    sys.path.insert(0, str(tmp_path))
    from datasets.layouts import write_stare

    write_stare(tmp_path / 'STARE')
    done = probe('--quick', '--seeds', '1', '--labels', '2', 'all', '--other', f'STARE={tmp_path / "STARE"}')
    assert done.returncode == 0, done.stdout
    found = json.loads((tmp_path / 'out/probe.json').read_text())
    assert found['columns'] == ['DRIVE, 2 pictures', 'DRIVE, all 8 pictures', 'on STARE']
    assert len([row for row in found['rows'] if row['column'] == 'on STARE']) == 3 * 10
    assert all('cannot be told from noise with one seed' in sentence for sentence in found['sentences'])


@pytest.mark.slow
def test_a_training_that_fails_is_named_with_its_log_and_the_others_are_kept(probe, tmp_path):
    assert probe('--quick', '--seeds', '1', '--dry-run').returncode == 0
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/random').write_text('in the way')
    done = probe('--quick', '--seeds', '1')
    assert done.returncode == 1 and '1 of 3 trainings failed; the others are kept' in done.stdout, done.stdout
    assert len(list((tmp_path / 'out/runs').glob('*/results.json'))) == 2

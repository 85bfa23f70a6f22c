"""A test of several data sets whose pictures are called alike."""

import csv
import json
import sys

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.report.gather import gather

NAMES = {f'{place}_0{i}_test' for place in ('here', 'there') for i in (1, 2, 3)}
JOINED = """
member = dict(type='DRIVEVesselDataset', split='test', test_mode=True, pipeline={{{{_base_.test_pipeline}}}})
test_dataloader['dataset'] = dict(_delete_=True, type='ConcatDataset', datasets=[
    dict(member, data_root={here!r}), dict(member, data_root={there!r})])
del member
"""


@pytest.fixture
def joined(tmp_path):
    """Lines of a config that tests on two folders with the same names and other pictures."""
    roots = {
        place: str(write_drive_layout(tmp_path / place, training=1, test=3, size=64, seed=i)) for i, place in enumerate(('here', 'there'))
    }
    return JOINED.format(**roots)


def outputs(folder, overlays):
    """Names in everything that a test writes; the table's Dice by name."""
    results = json.loads((folder / 'results.json').read_text())
    with (folder / 'per_picture.csv').open() as file:
        in_table = {row['picture'] for row in csv.DictReader(file)}
    assert {row['picture'] for row in results['report']['pictures']} == in_table == set(results['files'])
    assert {path.stem for path in (folder / 'masks').iterdir()} == in_table
    assert {path.name for path in overlays.iterdir()} == {f'test_{name}_0.png' for name in in_table}, 'and no config.py'
    return in_table, {row['picture']: row['Dice'] for row in results['report']['pictures']}


def test_equally_named_pictures_keep_their_own_rows_masks_overlays_and_tags(shell, root, tiny_checkpoint, joined, tmp_path):
    config, checkpoint = tiny_checkpoint(joined)
    done = shell(
        sys.executable, root / 'tools/test.py', config, checkpoint, '--work-dir', 'one', '--show-dir', 'drawn', '--threshold', 0.48
    )
    assert done.returncode == 0, done.stdout
    names, dice = outputs(tmp_path / 'one', tmp_path / 'drawn')
    assert names == NAMES
    masks = {name: np.asarray(Image.open(tmp_path / f'one/masks/{name}.png')) for name in names}
    assert any((masks[f'here_0{i}_test'] != masks[f'there_0{i}_test']).any() for i in (1, 2, 3))
    events = EventAccumulator(str(next((tmp_path / 'one').glob('*/events.*')).parent), size_guidance=dict(images=0, scalars=0)).Reload()
    assert set(events.Tags()['images']) == {f'test_{name}' for name in NAMES}

    gathered = gather(tmp_path / 'one', 3)
    assert gathered.no_pictures is None and len(gathered.pictures) == 6 and not any(picture.note for picture in gathered.pictures)
    refused = gather(tmp_path / 'one', 3, data_root='/elsewhere').no_pictures
    assert 'several data sets, of which one folder cannot hold all' in refused[0]

    done = shell(
        'bash',
        root / 'tools/dist_test.sh',
        config,
        checkpoint,
        2,
        '--work-dir',
        tmp_path / 'two',
        '--show-dir',
        'two_drawn',
        '--threshold',
        0.48,
    )
    assert done.returncode == 0, done.stdout
    assert outputs(tmp_path / 'two', tmp_path / 'two_drawn') == (names, dice)
    for name in names:
        assert np.array_equal(np.asarray(Image.open(tmp_path / f'two/masks/{name}.png')), masks[name])


def test_both_observers_of_a_picture_have_rows_and_masks(shell, root, tiny_checkpoint, joined, tmp_path):
    """The same picture twice, with another label."""
    config, checkpoint = tiny_checkpoint(
        joined + "test_dataloader['dataset']['datasets'][1]['data_root'] = test_dataloader['dataset']['datasets'][0]['data_root']"
    )
    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint, '--work-dir', 'one')
    assert done.returncode == 0, done.stdout
    rows = [row['picture'] for row in json.loads((tmp_path / 'one/results.json').read_text())['report']['pictures']]
    assert rows == [f'0{i}_test_tif_{which}' for which in (1, 2) for i in (1, 2, 3)]
    assert len(list((tmp_path / 'one/masks').iterdir())) == 6


def test_without_the_hook_an_overwritten_mask_is_an_error_that_names_it(shell, root, tiny_checkpoint, joined):
    config, checkpoint = tiny_checkpoint(joined + "default_hooks['picture_names'] = dict(type='SyncBuffersHook')")
    done = shell(sys.executable, root / 'tools/test.py', config, checkpoint)
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith('error: two pictures are called 01_test (') and 'PictureNamesHook' in last


def test_validation_overlays_of_equal_names_are_both_kept(shell, root, tiny_config, joined, tmp_path):
    config = tiny_config(
        joined + "val_dataloader['dataset'] = test_dataloader['dataset']\ndefault_hooks['visualization'] = dict(val_pictures=6)"
    )
    done = shell(sys.executable, root / 'tools/train.py', config, '--epochs', 1)
    assert done.returncode == 0, done.stdout
    assert {path.name.rsplit('_', 1)[0] for path in (tmp_path / 'work').rglob('val_*.png')} == {f'val_{name}' for name in NAMES}
    assert Config.fromfile(str(config)).default_hooks.picture_names.type == 'PictureNamesHook'

"""Which weights file and which pictures are read where the command line names none: the order, and what a checkpoint may say."""

import shutil

import pytest
import torch

from mmseg_fundus.engine import load_config
from mmseg_fundus.engine.whereabouts import settle_files
from mmseg_fundus.errors import WeightsError
from mmseg_fundus.fileio.checksum import file_sha256


@pytest.fixture
def told(monkeypatch):
    lines = []
    monkeypatch.setattr('mmseg_fundus.engine.data_roots.print_log', lambda text, **about: lines.append(text))
    monkeypatch.delenv('FUNDUS_WEIGHTS', raising=False)
    return lines


@pytest.fixture
def settle(tiny_config, told, tmp_path):
    """The weights file that is chosen, and the test pictures' folder; ``meta`` is the checkpoint's."""

    def run(named, meta=None, extra='', state=None, splits=('test',), **given):
        checkpoint = None
        if meta is not None:
            checkpoint = tmp_path / 'checkpoint.pth'
            torch.save({'meta': meta, 'state_dict': state or {'decode_head.x': torch.zeros(1)}}, checkpoint)
        options = given.pop('options', {})
        cfg = load_config(tiny_config(f"model['backbone']['weights'] = {str(named)!r}\n{extra}"), options, **given)
        settle_files(cfg, checkpoint, given.get('weights'), given.get('data_root'), options, splits)
        return cfg.model.backbone.weights, cfg.test_dataloader.dataset.data_root

    return run


@pytest.fixture
def files(tiny_weights, other_weights, tmp_path):
    """Two weights files of different contents."""
    return shutil.copy(tiny_weights, tmp_path / 'a.pth'), str(other_weights(seed=1))


def encoder(file, digest=None):
    return {'encoder': {'file': str(file), 'sha256': digest or file_sha256(file)}}


def test_the_order_is_option_environment_config_checkpoint(settle, files, told, monkeypatch):
    a, b = files
    assert settle(a)[0] == str(a) and told == []
    assert settle('missing.pth', encoder(a))[0] == str(a)
    assert 'with which' in told[-1] and 'missing.pth of the config is missing' in told[-1]
    monkeypatch.setenv('FUNDUS_WEIGHTS', b)
    assert settle(a)[0] == b
    assert b in told[-1] and '$FUNDUS_WEIGHTS' in told[-1] and f'{a} of the config is not used' in told[-1]
    assert settle('missing.pth')[0] == b
    assert settle('x.pth', weights='y.pth')[0] == 'y.pth' and settle(b, options={'model.backbone.weights': 'z.pth'})[0] == 'z.pth'
    assert settle('random')[0] == 'random' and settle('from_checkpoint')[0] == 'from_checkpoint'
    monkeypatch.setenv('FUNDUS_WEIGHTS', '/nowhere/w.pth')
    with pytest.raises(WeightsError, match='FUNDUS_WEIGHTS=/nowhere/w.pth: no such file'):
        settle(a)


def test_a_checkpoint_is_given_the_file_it_was_trained_with(settle, files, told, monkeypatch):
    a, b = files
    assert settle(b, encoder(a))[0] == str(a) and f'{b} of the config is not used' in told[-1]
    monkeypatch.setenv('FUNDUS_WEIGHTS', b)
    assert settle(a, encoder(a))[0] == str(a) and '$FUNDUS_WEIGHTS is not used' in told[-1]
    assert settle(a, encoder('/gone/w.pth', '0' * 64))[0] == b  # neither is it: the order decides, and the model refuses what does not fit


def test_another_file_at_the_remembered_place_is_one_line(settle, files):
    with pytest.raises(WeightsError, match=r'neither missing.pth \(config\) nor /gone/w.pth, with which .* exists; name it with --weights'):
        settle('missing.pth', encoder('/gone/w.pth', '0' * 64))
    with pytest.raises(WeightsError, match='is another file by now'):
        settle('missing.pth', encoder(files[0], '0' * 64))


@pytest.mark.parametrize('file', ['weights/w.pth', '$HOME/w.pth', '~/w.pth', 7, None, '/' + 'x' * 5000, '/a\x1b[2J', '/dev/zero', '/tmp'])
def test_what_is_no_absolute_path_of_a_file_is_not_looked_at(settle, file):
    try:
        assert settle('missing.pth', {'encoder': {'file': file, 'sha256': '0' * 64}})[0] == 'missing.pth'
    except WeightsError as error:
        assert str(error).startswith('weights file not found') and '\x1b' not in str(error)


@pytest.mark.parametrize('meta', [{}, {'encoder': 'x'}, {'encoder': {'file': '/x'}}, {'training': {'data': {'parts': 3}}}])
def test_a_checkpoint_that_says_nothing_changes_nothing(settle, meta, drive_like):
    assert settle('missing.pth', meta) == ('missing.pth', str(drive_like))


def test_a_full_checkpoint_brings_its_encoder_where_no_file_is_left(settle, told):
    assert settle('missing.pth', {}, state={'backbone.cls_token': torch.zeros(1)})[0] == 'from_checkpoint'
    assert 'which holds the encoder too; missing.pth of the config is missing' in told[-1]


def test_what_was_allowed_for_the_configs_file_is_not_for_the_remembered_one(tiny_config, files, told, tmp_path):
    torch.save({'meta': encoder(files[0]), 'state_dict': {}}, tmp_path / 'c.pth')
    cfg = load_config(tiny_config("model['backbone'].update(weights='missing.pth', allow_unsafe=True)"))
    settle_files(cfg, tmp_path / 'c.pth')
    assert cfg.model.backbone.weights == str(files[0]) and cfg.model.backbone.allow_unsafe is False
    cfg = load_config(
        tiny_config("model['backbone']['weights'] = dict(_delete_=True, file='missing.pth', key='student', allow_unsafe=True)")
    )
    settle_files(cfg, tmp_path / 'c.pth')
    assert cfg.model.backbone.weights == dict(file=str(files[0]), key='student', allow_unsafe=False)


EACH = 'for _loader in (train_dataloader, val_dataloader, test_dataloader):\n    _loader["dataset"].update({})\ndel _loader\n'
MOVED = EACH.format("data_root='/gone/DRIVE'")


def trained_on(root, kind='DRIVEVesselDataset', parts=()):
    return {'training': {'data': {'class': kind, 'root': str(root), 'parts': list(parts)}}}


def test_pictures_are_those_of_the_training_where_the_configs_are_missing(settle, tiny_weights, drive_like, told):
    assert settle(tiny_weights, trained_on(drive_like), MOVED)[1] == str(drive_like)
    assert told == [f'pictures: {drive_like} ({told[0].split(" (")[1].split("; ")[0]}; /gone/DRIVE of the config is missing)']
    parts = [{'class': 'STAREVesselDataset', 'root': '/tmp'}, {'class': 'DRIVEVesselDataset', 'root': str(drive_like)}]
    assert settle(tiny_weights, trained_on('', 'ConcatDataset', parts), MOVED)[1] == str(drive_like)


@pytest.mark.parametrize(
    'meta, extra, given',
    [
        (dict(kind='STAREVesselDataset'), '', {}),
        (dict(), "test_dataloader['dataset'].update(type='STAREVesselDataset')", {}),
        (dict(), "test_dataloader['dataset'].update(type='FundusVesselDataset', data_root='/gone/DRIVE')", {}),
        (dict(), '', dict(options={'test_dataloader.dataset.data_root': '/gone/DRIVE'})),
        (dict(), '', dict(data_root='/gone/DRIVE')),
        (dict(parts=[{'class': 'DRIVEVesselDataset', 'root': '/tmp'}]), '', {}),  # which of the two?
    ],
)
def test_pictures_of_another_set_or_that_were_asked_for_are_not_replaced(settle, tiny_weights, drive_like, meta, extra, given):
    assert settle(tiny_weights, trained_on(drive_like, **meta), MOVED + extra, **given)[1] == '/gone/DRIVE'


def test_ones_own_pictures_are_told_apart_by_the_folder_in_the_config(settle, tiny_weights, drive_like):
    own = EACH.format("type='FundusVesselDataset'")
    meta = trained_on(drive_like, 'FundusVesselDataset')
    assert settle(tiny_weights, meta, MOVED + own)[1] == str(drive_like)
    assert settle(tiny_weights, meta, MOVED + own + "test_dataloader['dataset']['data_root'] = '/gone/other'")[1] == '/gone/other'


def test_a_training_that_is_continued_on_other_pictures_says_so(settle, tiny_weights, drive_like, told, tmp_path):
    settle(tiny_weights, trained_on(tmp_path), 'resume = True', splits=('train', 'val'))
    assert len(told) == 1 and f'--data-root {tmp_path} goes on with the former' in told[0]
    settle(tiny_weights, trained_on(drive_like), 'resume = True', splits=('train', 'val'))
    assert len(told) == 1

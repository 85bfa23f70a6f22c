"""--data-root means the data set that a tool reads, and never makes one of several."""

import shutil

import pytest
from mmengine.dataset import ConcatDataset

from mmseg_fundus.datasets import DRIVEVesselDataset
from mmseg_fundus.engine import load_config
from mmseg_fundus.engine.data_roots import roots as roots_of
from mmseg_fundus.engine.inputs import check_inputs, repeated, tell_repeated
from mmseg_fundus.errors import ConfigError

TWO = """
_one = train_dataloader['dataset']
train_dataloader['dataset'] = dict(type='ConcatDataset', _delete_=True, datasets=[
    dict(_one, type='DRIVEVesselDataset', data_root='data/DRIVE'), dict(type='RepeatDataset', times=2, dataset=dict(
        type='STAREVesselDataset', data_root='data/STARE', augmentation=dict(size=(64, 64)))){more}])
train_dataloader['sampler'] = dict(_delete_=True, type='DefaultSampler', shuffle=True)
del _one
"""


@pytest.fixture
def told(monkeypatch):
    """Lines that were logged before there is a runner."""
    lines = []
    monkeypatch.setattr('mmseg_fundus.engine.data_roots.print_log', lambda text, **about: lines.append(text))
    return lines


def roots(cfg, loader='train_dataloader'):
    members = cfg[loader].dataset.get('datasets', [cfg[loader].dataset])
    return [(member.get('dataset') or member).data_root for member in members]


def test_several_data_sets_are_not_put_into_one_folder(tiny_config, tmp_path):
    with pytest.raises(ConfigError) as refused:
        load_config(tiny_config(TWO.format(more='')), data_root=tmp_path, splits=('train',))
    for words in ('DRIVEVesselDataset in data/DRIVE, STAREVesselDataset in data/STARE', 'does not hold them as DRIVE and STARE'):
        assert words in str(refused.value)
    advice = str(refused.value).split('--cfg-options ')[1].split()
    assert advice == ['train_dataloader.dataset.datasets.0.data_root=DIR', 'train_dataloader.dataset.datasets.1.dataset.data_root=DIR']
    options = {option.split('=')[0]: folder for option, folder in zip(advice, ('/a', '/b'))}
    assert roots(load_config(tiny_config(TWO.format(more='')), options)) == ['/a', '/b']  # the advice works


def test_a_folder_that_holds_them_by_name_is_taken_apart(tiny_config, tmp_path, told):
    for name in ('DRIVE', 'STARE'):
        (tmp_path / 'all' / name).mkdir(parents=True)
    cfg = load_config(tiny_config(TWO.format(more='')), data_root=tmp_path / 'all', splits=('train',))
    assert roots(cfg) == [f'{tmp_path}/all/DRIVE', f'{tmp_path}/all/STARE']
    assert len(told) == 1 and f'data/STARE is {tmp_path}/all/STARE' in told[0]


def test_two_sets_of_one_kind_are_two_data_sets(tiny_config, tmp_path):
    lines = "train_dataloader['dataset']['data_root'] = '/a'\nval_dataloader['dataset']['data_root'] = '/b'"
    with pytest.raises(ConfigError, match='several data sets .DRIVEVesselDataset in /a, DRIVEVesselDataset in /b'):
        load_config(tiny_config(lines), data_root=tmp_path, splits=('train', 'val'))


def test_one_tools_data_set_is_set_and_another_loaders_stays(tiny_config):
    lines = "test_dataloader['dataset'].update(type='STAREVesselDataset', data_root='data/STARE')"
    trained = load_config(tiny_config(lines), data_root='/d', splits=('train', 'val'))
    assert [*roots(trained), *roots(trained, 'val_dataloader'), *roots(trained, 'test_dataloader')] == ['/d', '/d', 'data/STARE']
    tested = load_config(tiny_config(lines), data_root='/s', splits=('test',))
    assert roots(tested, 'test_dataloader') == ['/s'] and roots(tested) != ['/s']
    with pytest.raises(ConfigError, match='several data sets'):  # of all three
        load_config(tiny_config(lines), data_root='/d')


def test_one_data_set_in_several_wrappers_moves_as_a_whole(tiny_config):
    lines = TWO.format(more='').replace('data/STARE', 'data/DRIVE').replace('STAREVessel', 'DRIVEVessel')
    assert roots(load_config(tiny_config(lines), data_root='/d', splits=('train',))) == ['/d', '/d']


def test_a_data_set_that_was_given_no_folder_gets_it(tiny_config):
    lines = "for _loader in (train_dataloader, val_dataloader, test_dataloader):\n    del _loader['dataset']['data_root']\ndel _loader"
    config = tiny_config()
    config.write_text(
        config.read_text().replace('dataset=dict(data_root=', "dataset=dict(_delete_=True, type='DRIVEVesselDataset', data_root=") + lines
    )
    assert roots(load_config(config, data_root='/d')) == ['/d']


def test_weights_reach_an_encoder_that_names_none_and_no_other_backbone(tiny_config):
    assert load_config(tiny_config("del model['backbone']['weights']"), weights='w.pth').model.backbone.weights == 'w.pth'
    wrapped = (
        "model['backbone'] = dict(_delete_=True, type='LoRAModel', module=dict(type='FrozenVisionTransformer', arch='base'), targets=[])"
    )
    assert load_config(tiny_config(wrapped), weights='w.pth').model.backbone.module.weights == 'w.pth'
    with pytest.raises(ConfigError, match='--weights: the backbone of tiny.py, UNet, takes no weights file'):
        load_config(tiny_config("model['backbone'] = dict(_delete_=True, type='UNet')"), weights='w.pth')


def test_pictures_that_are_read_twice_are_said(drive_like, tmp_path, told):
    copy = tmp_path / 'copy' / 'DRIVE'
    shutil.copytree(drive_like, copy)
    one, other = (DRIVEVesselDataset(root, 'trainval', verify=False) for root in (drive_like, copy))
    said = tell_repeated(ConcatDataset([one, other]), 'train_dataloader')
    assert said.startswith('train_dataloader: 6 of its 12 pictures repeat others') and 'has the contents of' in said
    assert told == [said]
    assert 'stands there twice' in tell_repeated(ConcatDataset([one, one]), 'x')
    assert tell_repeated(one, 'x') == '' == tell_repeated(ConcatDataset([one, DRIVEVesselDataset(copy, 'test', verify=False)]), 'x')


def test_files_are_told_apart_by_all_of_their_bytes(tmp_path):
    middle = b'0' * 2**18
    for name, data in (('a', b'1' + middle), ('b', b'2' + middle), ('c', b'1' + middle), ('d', b'1')):
        (tmp_path / name).write_bytes(data)
    a, b, c, d = (str(tmp_path / name) for name in 'abcd')
    assert repeated([a, b, c, d, str(tmp_path / 'missing')]) == [(a, c)]


def test_training_says_that_a_concatenation_repeats_pictures(tiny_config, drive_like, told):
    lines = TWO.format(more='').replace('data/STARE', str(drive_like)).replace('STAREVessel', 'DRIVEVessel')
    check_inputs(load_config(tiny_config(lines.replace('data/DRIVE', str(drive_like)))), ('train',))
    assert told[0].startswith('train_dataloader: 5 of its 10 pictures repeat others')


def test_plain_folders_of_other_names_are_found_below_by_their_name(tiny_config, tmp_path):
    for name in ('mine', 'DRIVE'):
        (tmp_path / name).mkdir()
    lines = "test_dataloader['dataset'].update(type='FundusVesselDataset', data_root='/old/mine')"
    cfg = load_config(
        tiny_config(lines + "\ntrain_dataloader['dataset']['data_root'] = val_dataloader['dataset']['data_root'] = '/x/DRIVE'"),
        data_root=tmp_path,
    )
    assert (roots(cfg), roots(cfg, 'test_dataloader')) == ([f'{tmp_path}/DRIVE'], [f'{tmp_path}/mine'])


SOURCES = """
_both = dict(_delete_=True, type='FundusVessels', source=[dict(type='DRIVE', root='data/DRIVE'), dict(type='STARE', root='data/STARE')])
train_dataloader['dataset'] = dict(_both, view=dict(size=(64, 64)))
val_dataloader['dataset'] = dict(_both, split='val')
test_dataloader['dataset'] = dict(_delete_=True, type='FundusVessels', source=dict(type='DRIVE', root='data/DRIVE'), split='test')
del _both
"""


def source_roots(cfg, *splits):
    return [one.path for one in roots_of(cfg, splits)]


def test_each_source_of_one_data_set_has_its_own_folder(tiny_config, tmp_path, told):
    for name in ('DRIVE', 'STARE'):
        (tmp_path / 'all' / name).mkdir(parents=True)
    cfg = load_config(tiny_config(SOURCES), data_root=tmp_path / 'all', splits=('train', 'val'))
    both = [f'{tmp_path}/all/DRIVE', f'{tmp_path}/all/STARE']
    assert source_roots(cfg, 'train', 'val', 'test') == [*both, *both, both[0]] and len(told) == 1
    assert source_roots(load_config(tiny_config(SOURCES), data_root='/d', splits=('test',)), 'train', 'test') == ['/d', 'data/STARE', '/d']
    with pytest.raises(ConfigError, match='DRIVEVesselDataset in data/DRIVE, STAREVesselDataset in data/STARE') as refused:
        load_config(tiny_config(SOURCES), data_root=tmp_path, splits=('train',))
    advice = str(refused.value).split('--cfg-options ')[1].split()
    assert advice == ['train_dataloader.dataset.source.0.root=DIR', 'train_dataloader.dataset.source.1.root=DIR']
    options = {option.split('=')[0]: folder for option, folder in zip(advice, ('/a', '/b'))}
    assert source_roots(load_config(tiny_config(SOURCES), options), 'train') == ['/a', '/b']
    config = tiny_config(SOURCES)
    inherited = tiny_config(SOURCES.replace('_delete_=True, ', ''), name='inherited.py')
    assert source_roots(load_config(config), 'test') == ['data/DRIVE'] == source_roots(load_config(inherited), 'test')


@pytest.mark.parametrize(
    'key, meant', [('source.0.rooot', 'root'), ('view.rotat', 'rotate'), ('view.look.blurr', 'blur'), ('veiw', 'view')]
)
def test_a_misspelt_setting_of_a_source_or_a_view_is_one_line(tiny_config, key, meant):
    look = SOURCES.replace('view=dict(', 'view=dict(look=dict(blur=0.5), ')
    with pytest.raises(ConfigError, match=f'did you mean {meant!r}'):
        load_config(tiny_config(look), {f'train_dataloader.dataset.{key}': 1})

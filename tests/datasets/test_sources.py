"""One table of data sets, which everything reads that knows them by name; and data sets made of one or several of them."""

import inspect
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS, TRANSFORMS
from PIL import Image

from mmseg_fundus import datasets
from mmseg_fundus.choices import PUBLIC_SETS
from mmseg_fundus.datasets import SOURCES, FundusVesselDataset, FundusVessels, RandomFundusView, Source, View
from mmseg_fundus.datasets.by_name import class_by_name, dataset_by_name
from mmseg_fundus.datasets.sources import build_source, known_sources, markdown_table, source_class
from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.datasets.unpacking import unpackable
from mmseg_fundus.engine import load_config
from mmseg_fundus.engine.config import use_dataset
from mmseg_fundus.engine.inputs import tell_repeated
from mmseg_fundus.errors import ConfigError, DataError

from . import layouts

WRITERS = {
    'DRIVE': lambda root: write_drive_layout(root, training=20, test=20, size=48),
    'STARE': layouts.write_stare,
    'CHASE_DB1': layouts.write_chase,
    'HRF': layouts.write_hrf,
    'FIVES': layouts.write_fives_original,
}
VIEW = dict(size=(32, 32))


@pytest.fixture
def two(tmp_path):
    """Settings of DRIVE (4 training pictures) and CHASE_DB1 (20)."""
    drive, chase = write_drive_layout(tmp_path / 'DRIVE', training=4, test=2, size=48), layouts.write_chase(tmp_path / 'CHASE_DB1')
    return [dict(type='DRIVE', root=str(drive)), dict(type='CHASE_DB1', root=str(chase))]


@pytest.fixture
def clinic():
    """A source of somebody else's package, in the table for one test."""

    @SOURCES.register_module()
    class Clinic(Source):
        field_angle = 40.0
        observers = dict(first='', second='_b')

        def list_samples(self, root, part):
            pictures = sorted((root / part).glob('eye*.png'))
            return [dict(img_path=str(path), seg_map_path=str(path.with_name(f'label{self.suffix}_{path.name}'))) for path in pictures]

    known_sources()
    yield Clinic
    SOURCES.module_dict.pop('Clinic')


def write_clinic(root):
    for part in ('training', 'test'):
        (root / part).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(np.full((16, 16, 3), 90 + i, np.uint8)).save(root / part / f'eye{i}.png')
            for name, column in (('label', i), ('label_b', i + 4)):
                label = np.zeros((16, 16), np.uint8)
                label[:, column] = 255
                Image.fromarray(label).save(root / part / f'{name}_eye{i}.png')
    return root


@pytest.mark.slow
@pytest.mark.parametrize('name', WRITERS)
def test_each_public_set_is_read_by_its_source_as_by_its_class(tmp_path, name):
    kind = known_sources()[name]
    root = WRITERS[name](tmp_path / name)
    ours = FundusVessels(dict(type=name, root=str(root)), 'trainval', verify=False)
    named = datasets.PUBLIC[name](root, 'trainval', verify=False)
    assert ours.samples() == named.samples() and ours.describe() == named.describe() and ours.files() == named.files()
    assert {sample['field_angle'] for sample in ours.samples()} == {kind.field_angle}
    assert type(named).__name__ == kind.data_set and list(kind.observers) == named.observers


def test_everything_that_knows_data_sets_reads_the_table(root):
    assert list(known_sources()) == list(datasets.PUBLIC) == list(unpackable()) == list(WRITERS)
    for kind in SOURCES.module_dict.values():
        assert kind.data_set in DATASETS.module_dict and source_class(kind.name) is source_class(kind.data_set) is kind
        assert not kind.recipe or (root / 'configs' / f'{kind.recipe}.py').is_file()
        assert kind.general or kind.licence and kind.address.startswith('https://')
    assert markdown_table() in (root / 'docs/datasets.md').read_text(), 'paste mmseg_fundus.datasets.sources.markdown_table() there'


@pytest.mark.parametrize('kind', [FundusVessels, FundusVesselDataset, *(datasets.PUBLIC[name] for name in WRITERS)])
def test_a_data_set_has_few_arguments_and_refuses_others(tmp_path, kind):
    named = [p for p in inspect.signature(kind).parameters.values() if p.kind is not p.VAR_KEYWORD]
    assert len(named) <= 8
    with pytest.raises(TypeError, match="unexpected keyword argument 'kepp_decoded'. Did you mean 'keep_decoded'"):
        kind(tmp_path, kepp_decoded=False)


def test_two_sources_keep_their_angle_observer_and_division(two):
    chase = dict(two[1], observer='second', division=dict(first=8, val_fraction=0.25, seed=3), fov='none')
    dataset = FundusVessels([two[0], chase], 'train', division=dict(val_fraction=0.5), view=VIEW)
    infos = dataset.samples()
    assert [(info['source'], info['field_angle'], info['fov_mode']) for info in infos] == [(0, 45.0, 'auto')] * 2 + [(1, 30.0, 'none')] * 6
    assert all(info['seg_map_path'].endswith('_2ndHO.png') for info in infos[2:]) and len({info['name'] for info in infos}) == 8
    told = dataset.describe()
    assert (told['class'], told['pictures'], [part['pictures'] for part in told['parts']]) == ('FundusVessels', 8, [2, 6])
    assert [part['class'] for part in told['parts']] == ['DRIVEVesselDataset', 'ChaseDB1VesselDataset']
    assert told['parts'][1]['division'] == dict(first=8) and told['parts'][1]['arguments']['split_seed'] == 3
    json.dumps(told)
    assert set(dataset.files()) == {info['name'] for info in infos}
    assert dataset.observers == ['first', 'second'] and dataset.field_angle == '45.0, 30.0'
    for part in told['parts']:  # what finds the same pictures again
        settings = {key: part[key] for key in ('split', 'division', 'observer')}
        again = class_by_name(part['class'])(part['root'], verify=False, **settings, **part['arguments'])
        assert [info['img_path'] for info in again.samples()] == [
            info['img_path'] for info in infos if info['img_path'].startswith(part['root'])
        ]


def test_a_view_of_a_picture_does_not_depend_on_what_its_source_is_joined_with(two):
    alone = FundusVessels(two[1], 'trainval', view=VIEW)
    joined = FundusVessels(two, 'trainval', view=VIEW)
    for i, number in ((0, 0), (7, 3)):
        one, other = alone[View(i, number, 5)], joined[View(4 + i, number, 5)]
        assert torch.equal(one['inputs'], other['inputs'])
        assert torch.equal(one['data_samples'].gt_sem_seg.data, other['data_samples'].gt_sem_seg.data)


def test_equally_named_pictures_of_two_sources_are_told_apart_and_repeated_ones_said(tmp_path, monkeypatch):
    roots = [write_drive_layout(tmp_path / name, training=2, test=1, size=48, seed=i) for i, name in enumerate(('a', 'b'))]
    dataset = FundusVessels([dict(type='DRIVE', root=str(one)) for one in roots], 'trainval')
    assert [info['name'] for info in dataset.samples()] == ['a_21_training', 'a_22_training', 'b_21_training', 'b_22_training']
    said = []
    monkeypatch.setattr('mmseg_fundus.engine.data_roots.print_log', lambda text, **about: said.append(text))
    twice = FundusVessels([dict(type='DRIVE', root=str(roots[0]))] * 2, 'trainval', verify=False)
    assert tell_repeated(twice, 'train_dataloader').startswith('train_dataloader: 2 of its 4 pictures repeat others')


@pytest.mark.parametrize(
    'change, words',
    [
        (dict(source=dict(type='DRVE')), "source type='DRVE' is unknown, use one of DRIVE, STARE"),
        (dict(source=dict(type='DRIVE', rot='x')), "source DRIVE takes no 'rot'; did you mean 'root'"),
        (dict(source=dict(type='DRIVE', observer='third')), "FundusVessels: source DRIVE: observer='third' has no labels"),
        (dict(source=dict(type='DRIVE', fov='some')), "fov='some' is unknown"),
        (dict(source=dict(type='DRIVE', field_angle=0)), 'field_angle=0 must lie in'),
        (dict(source=dict(root='x')), r"expected dict\(type='DRIVE', root=...\)"),
        (dict(source=dict(type='Folders')), 'source Folders: .*root'),
        (dict(source=[]), 'names no data set'),
        (dict(source=[dict(type='DRIVE'), dict(type='Photographs')]), 'some of its sources have labels'),
        (dict(source=dict(type='DRIVE'), division=dict(val_fraction=0.1, sed=1)), r"division=\{'sed': 1\}: expected"),
        (dict(source=dict(type='DRIVE'), division=3), 'division=3: expected .*val_fraction'),
        (dict(source=dict(type='DRIVE'), division=dict(seed='x')), "seed='x' must be a whole number"),
        (dict(source=dict(type='DRIVE'), data_root='x'), r'dataset=dict\(_delete_=True'),
        (dict(source=dict(type='DRIVE'), view=dict(look=dict(blurr=1))), "look has no 'blurr'"),
        (dict(source=dict(type='DRIVE'), view=dict(look=3)), 'look=3 must be'),
        (dict(source=dict(type='DRIVE'), view=dict(blur=1, look=dict(blur=2))), 'blur is given twice'),
    ],
)
def test_wrong_settings_are_one_line(drive_like, change, words):
    change = dict(change)
    if isinstance(change['source'], dict) and change['source'].get('type') == 'DRIVE':
        change['source'] = dict(root=str(drive_like), **change['source'])
    with pytest.raises(ConfigError, match=words) as error:
        FundusVessels(**change)
    assert '\n' not in str(error.value)


def test_a_look_is_a_dict_or_lies_beside_the_other_settings():
    nested, flat = RandomFundusView(look=dict(blur=1.0, brightness=0.1)), RandomFundusView(blur=1.0, brightness=0.1)
    assert repr(nested) == repr(flat) and nested.look.contrast == 0.2
    assert TRANSFORMS.build(dict(type='RandomFundusView', brightness=0.3, look=dict(contrast=0.1))).look[:2] == (0.3, 0.1)


def test_another_packages_source_is_known_everywhere(tmp_path, clinic):
    root = write_clinic(tmp_path / 'Clinic')
    dataset = FundusVessels(dict(type='Clinic', root=str(root)), 'trainval', view=VIEW)
    assert len(dataset) == 3 and dataset.describe()['class'] == 'Clinic' and dataset.field_angle == 40.0
    assert dataset[View(0, 1)]['inputs'].shape == (3, 32, 32)
    assert 'Clinic' in datasets.PUBLIC and 'Clinic' not in unpackable()
    second = dataset_by_name('clinic', root, split='test', observer='second')
    assert second.describe()['class'] == 'Clinic' and second.samples()[0]['seg_map_path'].endswith('label_b_eye0.png')
    with pytest.raises(DataError, match='data/Clinic'):
        dataset_by_name('Clinic')


def test_another_packages_source_is_tested_by_its_name(tmp_path, clinic, tiny_config):
    cfg = load_config(tiny_config())
    use_dataset(cfg, 'clinic', tmp_path)
    assert cfg.test_dataloader.dataset.source == dict(type='Clinic', root=str(tmp_path))
    assert cfg.test_dataloader.dataset.type == 'FundusVessels' and cfg.test_dataloader.dataset.split == 'test'
    with pytest.raises(ConfigError, match='--dataset FundusVessels: unknown, use one of DRIVE, .*Clinic'):
        use_dataset(cfg, 'FundusVessels', tmp_path)


def test_a_source_that_finds_no_pictures_is_told_what_to_write(tmp_path):
    class Unwritten(Source):
        pass

    with pytest.raises(ConfigError, match=r'the source Unwritten has no list_samples\(self, root, part\)'):
        FundusVessels(Unwritten(str(tmp_path)), 'trainval')


def test_an_installed_packages_entry_point_is_imported(zygote, root, tmp_path):
    about = tmp_path / 'clinic-1.0.dist-info'
    about.mkdir()
    (about / 'METADATA').write_text('Metadata-Version: 2.1\nName: clinic\nVersion: 1.0\n')
    (about / 'entry_points.txt').write_text('[mmseg_fundus.sources]\nclinic = clinic\n')
    (tmp_path / 'clinic.py').write_text(
        'from mmseg_fundus.datasets import SOURCES, Source\n@SOURCES.register_module()\nclass Clinic(Source):\n    pass\n'
    )
    code = "from mmseg_fundus.datasets.sources import known_sources; assert list(known_sources())[-1] == 'Clinic'"
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), str(root)]), 'COLUMNS': '200'}
    done = zygote.stock.run([sys.executable, '-c', code], tmp_path, env, 300)
    assert done.returncode == 0, done.stdout
    done = zygote.stock.run([sys.executable, root / 'tools/test.py', '--help'], tmp_path, env, 300)
    assert '(DRIVE, STARE, CHASE_DB1, HRF, FIVES, Clinic, or a registered class)' in done.stdout, done.stdout


def test_a_command_line_knows_the_public_sets_before_the_sources_are_imported():
    ours = [kind for kind in SOURCES.module_dict.values() if kind.__module__.startswith('mmseg_fundus.') and not kind.general]
    assert tuple(kind.name for kind in ours) == PUBLIC_SETS and all(kind.rules and kind.recipe for kind in ours)


def test_a_class_of_ones_own_still_lists_its_samples_and_names_its_observers(tmp_path):
    class Own(datasets.DRIVEVesselDataset):
        FIELD_ANGLE = 33.0
        IDS = {}

        def list_samples(self, root, part):
            return super().list_samples(root, part)[:1]

    dataset = Own(write_drive_layout(tmp_path, training=3, test=2, size=48), 'trainval')
    assert len(dataset) == 1 and dataset.field_angle == 33.0 and dataset.describe()['class'] == 'Own'
    (tmp_path / 'test/2nd_manual').mkdir()
    for path in (tmp_path / 'test/1st_manual').iterdir():
        shutil.copy(path, tmp_path / 'test/2nd_manual' / path.name.replace('manual1', 'manual2'))
    first = Own(tmp_path, 'test')
    assert [Path(info['seg_map_path']).name for info in first.labelled_by('second').samples()] == ['01_manual2.gif']
    assert [Path(info['seg_map_path']).name for info in first.samples()] == ['01_manual1.gif']


def test_real_drive_and_chase_db1_together(real_drive):
    chase = real_drive.parent / 'CHASE_DB1'
    if not chase.is_dir():
        pytest.skip('the real CHASE_DB1 pictures are not on this machine')
    dataset = FundusVessels([dict(type='DRIVE', root=str(real_drive)), dict(type='CHASE_DB1', root=str(chase))], 'trainval', verify=False)
    infos = dataset.samples()
    assert [info['field_angle'] for info in infos] == [45.0] * 20 + [30.0] * 20
    assert [infos[i]['name'] for i in (0, 19, 20, 39)] == ['21_training', '40_training', 'Image_01L', 'Image_10R']
    assert build_source(dict(type='STARE')).root == 'data/STARE'

"""Data sets from outside the package: registered by ``custom_imports``, they are tested, scored and reported on as ours."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.datasets.label_file import read_mask
from mmseg_fundus.datasets.synthetic import write_drive_layout

MODULE = r"""
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmseg_fundus.datasets import FundusVesselDataset
from mmseg_fundus.datasets.layout import index_folder, pair


@DATASETS.register_module()
class ClinicVesselDataset(FundusVesselDataset):
    def list_samples(self, root, part):
        folders = (root / 'eyes' / part, root / 'vessels' / part)
        return pair(*(index_folder(folder, r'(.+)\.png', 'a.png') for folder in folders))


@DATASETS.register_module()
class PlainDataset(BaseSegDataset):
    METAINFO = dict(classes=('background', 'vessel'), palette=[[0, 0, 0], [255, 255, 255]])

    def __init__(self, **kwargs):
        super().__init__(img_suffix='.png', seg_map_suffix='.png', **kwargs)
"""
PLAIN = """
test_dataloader['dataset'] = dict(_delete_=True, type='PlainDataset', data_root={root!r}, test_mode=True,
    data_prefix=dict(img_path='eyes/test', seg_map_path='vessels/test'),
    pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')])
"""


@pytest.fixture
def clinic(tmp_path):
    """Pictures, labels as mmsegmentation's (0, 1, 255 in a corner), a module of data sets."""
    drive = write_drive_layout(tmp_path / 'source', training=3, test=3, size=64)
    for part in ('training', 'test'):
        for folder in ('eyes', 'vessels'):
            (tmp_path / 'clinic' / folder / part).mkdir(parents=True)
        for path in sorted((drive / part / 'images').iterdir()):
            number = path.name[:2]
            Image.open(path).save(tmp_path / 'clinic/eyes' / part / f'{number}.png')
            label = read_mask(drive / part / '1st_manual' / f'{number}_manual1.gif')
            label[:20, :20] = 255
            Image.fromarray(label).save(tmp_path / 'clinic/vessels' / part / f'{number}.png')
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere/clinic_data.py').write_text(MODULE)
    return tmp_path / 'clinic'


def imports(tmp_path, more=''):
    return (
        f'import sys\nsys.path.insert(0, {str(tmp_path / "elsewhere")!r})\n'
        f"custom_imports = dict(imports=['mmseg_fundus', 'clinic_data'], allow_failed_imports=False)\n{more}"
    )


def scored(tmp_path, config, shell, root, name):
    """Results of evaluate_masks.py on the labels themselves as predictions, their ignored corner filled with vessel."""
    (tmp_path / 'masks').mkdir(exist_ok=True)
    for path in (tmp_path / 'clinic/vessels/test').iterdir():
        Image.fromarray((np.array(Image.open(path)) > 0).astype(np.uint8)).save(tmp_path / 'masks' / path.name)
    done = shell(sys.executable, root / 'tools/evaluate_masks.py', 'masks', config, '--out', name)
    assert done.returncode == 0, done.stdout
    return json.loads((tmp_path / name / 'results.json').read_text())


def test_a_registered_class_is_tested_reported_on_and_scored(shell, root, clinic, tmp_path, tiny_checkpoint):
    config, checkpoint = tiny_checkpoint(imports(tmp_path))
    tool = (sys.executable, root / 'tools/test.py', config, checkpoint, '--work-dir', 'run', '--dataset', 'ClinicVesselDataset')
    without = shell(*tool)
    assert without.returncode == 1 and 'error: --dataset ClinicVesselDataset: name its folder with --data-root DIR' in without.stdout
    done = shell(*tool, '--data-root', clinic)
    assert done.returncode == 0, done.stdout
    results = json.loads((tmp_path / 'run/results.json').read_text())
    assert results['data']['class'] == 'ClinicVesselDataset' and results['data']['pictures'] == 3
    for row in results['report']['pictures']:
        counted = sum(row[f'unmasked {count}'] for count in ('TP', 'FP', 'FN', 'TN'))
        assert counted == 64 * 64 - 400, 'what the label ignores counts nowhere'
    report = (sys.executable, root / 'tools/report.py', 'run')
    done = shell(*report)
    assert done.returncode == 0 and 'ClinicVesselDataset is no data set of this package; --config FILE' in done.stdout, done.stdout
    own = tmp_path / 'own.py'
    own.write_text(
        f'_base_ = {str(config)!r}\n'
        + imports(tmp_path)
        + f"test_dataloader = dict(dataset=dict(type='ClinicVesselDataset', data_root={str(clinic)!r}))\n"
    )
    done = shell(*report, '--config', own)
    assert done.returncode == 0 and done.stdout.count('\n') == 1, done.stdout
    assert (tmp_path / 'run/report.html').read_text().count('data:image/jpeg') == 6
    found = scored(tmp_path, own, shell, root, 'scores')
    assert found['metrics']['Dice'] == 1 and found['report']['whole frame']['pooled']['Accuracy'] == 1


def test_a_data_set_that_is_none_of_ours_is_scored_and_reported_on(shell, root, clinic, tmp_path, tiny_config):
    config = tiny_config(imports(tmp_path, PLAIN.format(root=str(clinic))))
    results = scored(tmp_path, config, shell, root, 'scores')
    assert results['metrics']['Dice'] == 1 and results['data'] == {'class': 'PlainDataset'} and results['files'] is None
    for row in results['report']['pictures']:
        assert sum(row[count] for count in ('TP', 'FP', 'FN', 'TN')) == 64 * 64 - 400
    done = shell(sys.executable, root / 'tools/report.py', 'scores', '--config', config)
    assert done.returncode == 0 and done.stdout.count('\n') == 1, done.stdout
    assert (tmp_path / 'scores/report.html').read_text().count('data:image/jpeg') == 6
    done = shell(sys.executable, root / 'tools/evaluate_masks.py', 'masks', config, '--fov', 'none')
    assert done.returncode == 1 and 'PlainDataset, is no vessel data set and takes no --fov' in done.stdout

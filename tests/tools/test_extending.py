"""Every example of docs/extending.md works from an empty folder: trains from kept maps, resumes, tests, predicts, reports."""

import re
import sys

import pytest
import torch
from PIL import Image
from tiny import TINY

from mmseg_fundus.fileio.reading import read_json

SMALL = [
    *(f'{split}_dataloader.{key}' for split in ('train', 'val', 'test') for key in ('num_workers=0', 'persistent_workers=False')),
    *('train_dataloader.batch_size=2', 'train_dataloader.sampler.views=2', 'train_cfg.val_interval=1'),
    *('default_hooks.checkpoint.interval=1', 'default_hooks.feature_cache.folder=kept', 'model.test_cfg.size=(64,64)'),
]
TINY_VIT = [
    *(f'model.backbone.arch.{name}={value}' for name, value in TINY.items()),
    *('model.backbone.pretrain_size=64', 'model.backbone.out_indices=(0,1,2,3)', 'model.neck.in_channels=48'),
]
VIEW, AUGMENTATION = (f'train_dataloader.dataset.{name}.size=(64,64)' for name in ('view', 'augmentation'))


@pytest.fixture
def folder(tmp_path, root, drive_like):
    """An empty folder with the files of the examples, and pictures where they look for them."""
    text = (root / 'docs' / 'extending.md').read_text().replace('CHECKOUT', str(root))
    for name, code in re.findall(r'```python\n# (\w+\.py)\n(.*?)```', text, flags=re.DOTALL):
        (tmp_path / name).write_text(code)
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'DRIVE').symlink_to(drive_like)
    for part in ('training', 'test'):
        for kind, found in (('eyes', 'images/*.tif'), ('vessels', '1st_manual/*.gif')):
            (tmp_path / 'data' / 'clinic' / kind / part).mkdir(parents=True)
            for path in (drive_like / part).glob(found):
                Image.open(path).save(tmp_path / 'data' / 'clinic' / kind / part / f'{path.name[:2]}.png')
    torch.manual_seed(0)
    shapes = {'stem': (48, 3, 8, 8), **{f'blocks.{i}': (48, 48, 3, 3) for i in range(4)}}
    tensors = {f'{name}.weight': torch.randn(shape) / 20 for name, shape in shapes.items()}
    (tmp_path / 'weights').mkdir()
    torch.save({**tensors, **{f'{name}.bias': torch.zeros(48) for name in shapes}}, tmp_path / 'weights' / 'pyramid.pth')
    return tmp_path


@pytest.fixture
def tool(shell, root, folder):
    """Runs one of our tools there; returns what it said."""

    def run(name, *arguments):
        done = shell(sys.executable, root / 'tools' / f'{name}.py', *arguments, PYTHONPATH=str(folder))
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


def test_every_example_is_run(folder):
    assert sorted(path.name for path in folder.glob('my_*.py')) == [
        *('my_clinic.py', 'my_encoder.py', 'my_head.py', 'my_metric.py', 'my_two_sets.py')
    ]
    assert (
        len((folder / 'wide_head.py').read_text().splitlines()) <= 20
        and len((folder / 'pyramid_encoder.py').read_text().splitlines()) <= 30
    )


@pytest.mark.parametrize(
    'config, options', [('my_clinic', [*TINY_VIT, VIEW]), ('my_head', [*TINY_VIT, AUGMENTATION]), ('my_encoder', [AUGMENTATION])]
)
def test_a_part_of_ones_own_trains_resumes_tests_predicts_and_reports(tool, folder, tiny_weights, config, options):
    weights = [] if config == 'my_encoder' else ['--weights', tiny_weights]
    common = ['--cfg-options', *SMALL, *options]
    train = [f'{config}.py', *weights, '--work-dir', 'work', '--seed', '1']
    first = tool('train', *train, '--epochs', '1', *common)
    assert 'feature cache: ' in first and 'feature cache: off' not in first
    kept = {path: path.read_bytes() for path in (folder / 'kept').glob('[vm][ia]*/*.records')}  # views and maps
    assert kept and 'resumed' in tool('train', *train, '--epochs', '3', '--resume', *common)
    assert all(path.read_bytes().startswith(before) for path, before in kept.items())
    checkpoint = (folder / 'work' / 'last_checkpoint').read_text().strip()
    tool('test', f'{config}.py', checkpoint, *weights, '--work-dir', 'work/test', *common)
    results = read_json(folder / 'work' / 'test' / 'results.json')
    assert results['data']['class'] == ('Clinic' if config == 'my_clinic' else 'DRIVEVesselDataset')
    assert results['trained']['epochs'] == 3 and 0 <= results['metrics']['Dice'] <= 1
    state = torch.load(checkpoint, weights_only=False)['state_dict']
    assert 'encoder_sha256' in state and not any(name.startswith('backbone.') for name in state)
    tool('predict', 'data/DRIVE/test/images', '-o', 'vessels', '--config', f'{config}.py', '--checkpoint', checkpoint, *weights, *common)
    assert len(list((folder / 'vessels').rglob('*.png'))) >= 3
    tool('report', 'work')
    assert list(folder.glob('**/*.html'))


def test_several_data_sets_train_and_are_tested_together(tool, folder, tiny_weights):
    common = ['--weights', tiny_weights, '--cfg-options', *SMALL, *TINY_VIT, VIEW]
    said = tool('train', 'my_two_sets.py', '--work-dir', 'work', '--epochs', '1', *common)
    assert 'feature cache: ' in said and 'feature cache: off' not in said
    checkpoint = (folder / 'work' / 'last_checkpoint').read_text().strip()
    tool('test', 'my_two_sets.py', checkpoint, '--work-dir', 'work/test', *common)
    results = read_json(folder / 'work' / 'test' / 'results.json')
    assert [part['class'] for part in results['data']['parts']] == ['DRIVEVesselDataset', 'Clinic']
    assert [part['pictures'] for part in results['data']['parts']] == [3, 3]
    assert [part['class'] for part in results['trained']['data']['parts']] == ['DRIVEVesselDataset', 'Clinic']


def test_a_metric_of_ones_own_stands_beside_ours(tool, folder, tiny_weights):
    common = ['--weights', tiny_weights, '--cfg-options', *SMALL, *TINY_VIT, AUGMENTATION]
    tool('train', 'my_metric.py', '--work-dir', 'work', '--epochs', '1', *common)
    tool('test', 'my_metric.py', (folder / 'work' / 'last_checkpoint').read_text().strip(), '--work-dir', 'work/test', *common)
    metrics = read_json(folder / 'work' / 'test' / 'results.json')['metrics']
    assert 0 < metrics['worst/error'] <= 1 and 'Dice' in metrics

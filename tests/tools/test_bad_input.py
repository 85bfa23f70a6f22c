"""Bad input to a tool: one clear line on stderr, exit status 1, no traceback, nothing run, nothing lost."""

import os
import runpy
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from mmseg_fundus.models.encoders.vit import expected_shapes


class Bomb:
    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.fixture
def call(root, monkeypatch, capfd):
    """Run a tool in this process; returns (exit status, what it wrote to stderr)."""

    def run(tool, *arguments):
        monkeypatch.setattr(sys, 'argv', [f'{tool}.py', *map(str, arguments)])
        monkeypatch.syspath_prepend(str(root / 'tools'))
        capfd.readouterr()
        try:
            runpy.run_path(str(root / 'tools' / f'{tool}.py'), run_name='__main__')
            status = 0
        except SystemExit as stop:
            status = stop.code
        return status, capfd.readouterr().err

    return run


def assert_one_line(status, err, *words):
    lines = [line for line in err.strip().splitlines() if 'Warning' not in line and 'warnings.warn' not in line]
    assert status == 1
    assert len(lines) == 1 and lines[0].startswith('error: '), err
    for word in words:
        assert word in lines[0], lines[0]


@pytest.fixture
def folder(tmp_path, drive_like):
    """A copy of the data set that a test may spoil."""
    return shutil.copytree(drive_like, tmp_path / 'DRIVE')


def weights_files(tmp_path, tiny_weights):
    def path(name, content=None):
        target = tmp_path / f'{name}.pth'
        if isinstance(content, bytes):
            target.write_bytes(content)
        elif content is not None:
            torch.save(content, target)
        return target

    whole = tiny_weights.read_bytes()
    other = {name: torch.zeros(1).expand(shape) for name, shape in expected_shapes(96, 6, 384, 16, 17).items()}
    return {
        'missing': (path('missing'), 'weights file not found: looked for'),
        'truncated': (path('truncated', whole[: len(whole) // 3]), 'is cut off'),
        'text': (path('text', b'hello\n'), 'is a text file'),
        'other architecture': (path('other', other), 'seems to be ViT (width 96, 6 blocks'),
        'code': (path('code', {'teacher': {}, 'args': Bomb(tmp_path / 'ran')}), 'is not plain weights'),
    }


@pytest.mark.parametrize('kind', ['missing', 'truncated', 'text', 'other architecture', 'code'])
@pytest.mark.parametrize('tool', ['train', 'check_weights'])
def test_unusable_weights(call, tiny_config, tiny_weights, tmp_path, kind, tool):
    file, words = weights_files(tmp_path, tiny_weights)[kind]
    arch = ['--arch-options', 'embed_dims=48', 'num_layers=4', 'feedforward_channels=96', '--pretrain-size', '64']
    status, err = call('train', tiny_config(), '--weights', file) if tool == 'train' else call('check_weights', file, *arch)
    if (tool, kind) == ('check_weights', 'other architecture'):
        words = 'does not fit: 0/54 encoder tensors fit, 0 missing, 24 unexpected, 54 of another shape'
    assert_one_line(status, err, str(file), words)
    assert not (tmp_path / 'ran').exists()


def test_check_weights_prints_the_table_of_a_good_file(root, monkeypatch, capfd, tiny_weights, call):
    arguments = ['--arch-options', 'embed_dims=48', 'num_layers=4', 'feedforward_channels=96', '--pretrain-size', '64', '--all']
    monkeypatch.setattr(sys, 'argv', ['check_weights.py', str(tiny_weights), *arguments])
    monkeypatch.syspath_prepend(str(root / 'tools'))
    runpy.run_path(str(root / 'tools' / 'check_weights.py'), run_name='__main__')
    out = capfd.readouterr().out
    assert '54/54 encoder tensors' in out and 'SHA-256' in out and "'teacher'" in out and 'dropped     10' in out
    assert sum(line.startswith('fits') for line in out.splitlines()) == 54


SPOIL = {
    'label of another size': (lambda d: Image.new('L', (63, 64)).save(d / '1st_manual/21_manual1.gif'), '21_manual1.gif is 63x64 pixels'),
    'picture without label': (lambda d: (d / '1st_manual/21_manual1.gif').unlink(), '21_training.tif has no label'),
    'label with three values': (
        lambda d: Image.fromarray(np.resize(np.array([0, 90, 255], np.uint8), (64, 64))).save(d / '1st_manual/21_manual1.gif'),
        '21_manual1.gif holds 3 different values',
    ),
    'empty folder': (lambda d: [p.unlink() for p in (d / 'images').iterdir()], 'no pictures in'),
    'no data': (lambda d: shutil.rmtree(d.parent), 'data set folder not found: looked for'),
}


@pytest.mark.slow
@pytest.mark.parametrize('kind', SPOIL)
def test_unusable_data(call, tiny_config, folder, kind):
    spoil, words = SPOIL[kind]
    spoil(folder / 'training')
    assert_one_line(*call('train', tiny_config(), '--data-root', folder), str(folder), words)


@pytest.mark.parametrize(
    'line, words',
    [
        ("train_dataloader['dataset']['data_rot'] = '/x'", ["'data_rot' that it does not take", "did you mean 'data_root'"]),
        ("data_rot = '/x'", ['top-level data_rot', 'has no effect']),
        ("model['neck']['chanels'] = 3", ['MLAFusionNeck', "'chanels'", "did you mean 'channels'"]),
        ("model['decode_head']['type'] = 'VesselUpsampleHead'", ["'VesselUpsampleHead'", "did you mean 'VesselUpsamplingHead'"]),
        ("model['neck']['num_levels'] = 3", ['built for 3 levels', 'returns 4']),
    ],
)
def test_misspelt_or_contradicting_config(call, tiny_config, line, words):
    assert_one_line(*call('train', tiny_config(line)), *words)


@pytest.mark.parametrize(
    'options, words',
    [
        (['--cfg-options', 'data_rot=/x'], ["no 'data_rot'", '--data-root']),
        (['--cfg-options', 'train_dataloader.dataset.data_rot=/x'], ["'data_rot' that it does not take"]),
        (['--cfg-options', 'train_dataloader.batchsize=2'], ["'batchsize'"]),
        (['--batch-size', '0'], ['--batch-size 0: 1 or more']),
        (['--lr', '-1'], ['--lr -1.0: a rate above 0']),
        (['--seed', '-1'], ['--seed -1']),
        (['--epochs', '2', '--cfg-options', 'param_scheduler.T_max=100'], ['fixes T_max', 'change both']),
        (['--resume', '/nowhere/epoch_1.pth'], ['checkpoint not found: /nowhere/epoch_1.pth']),
        (['--launcher', 'pytorch'], ['tools/dist_train.sh']),
        (['--launcher', 'slurm'], ['no GPU was found']),
    ],
)
def test_wrong_options(call, tiny_config, options, words, monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    assert_one_line(*call('train', tiny_config(), *options), *words)


def test_a_pretraining_is_not_tested(call, root, tmp_path):
    config, any_file = root / 'configs/pretrain/mae_vitb16.py', tmp_path / 'any.pth'
    any_file.write_bytes(b'x')
    assert_one_line(*call('test', config, any_file), 'mae_vitb16.py', 'no test_dataloader', 'tools/train.py')


@pytest.mark.parametrize('gone', ['1st_manual/*', '1st_manual/02_manual1.gif'])
def test_a_test_on_pictures_without_labels_names_the_tool_that_needs_none(call, tiny_config, folder, tmp_path, gone):
    for path in (folder / 'test').glob(gone):
        path.unlink()
    torch.save({'state_dict': {}, 'meta': {}}, tmp_path / 'any.pth')
    assert_one_line(*call('test', tiny_config(), tmp_path / 'any.pth', '--data-root', folder), str(folder), 'tools/predict.py FOLDER')


def test_a_checkpoint_of_another_model_is_refused_by_test(call, tiny_config, tmp_path):
    torch.save({'state_dict': {'decode_head.conv_seg.weight': torch.zeros(2, 9, 1, 1)}, 'meta': {}}, tmp_path / 'other.pth')
    assert_one_line(*call('test', tiny_config(), tmp_path / 'other.pth'), 'checkpoint does not fit the model')


@pytest.mark.slow
def test_a_file_that_breaks_after_the_start_is_named_out_of_a_worker(call, tiny_config, folder):
    (folder / 'training/1st_manual/22_manual1.gif').write_bytes(b'broken')
    extra = (
        "for _loader in (train_dataloader, val_dataloader):\n    _loader['dataset']['verify'] = False\n"
        'train_dataloader.update(num_workers=1)\ndel _loader'
    )
    assert_one_line(*call('train', tiny_config(extra), '--data-root', folder), '22_manual1.gif is no picture')


def test_make_standins_without_anything_to_make(call):
    assert_one_line(*call('make_standins'), 'nothing to make')

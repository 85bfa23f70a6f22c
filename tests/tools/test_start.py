"""A command reads its arguments and looks for its files before anything is imported that takes seconds."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import DictAction

from mmseg_fundus.cli.arguments import add_key_values
from mmseg_fundus.cli.files import check_files
from mmseg_fundus.engine.config import load_config
from mmseg_fundus.engine.options import key_values
from mmseg_fundus.errors import FundusError
from mmseg_fundus.models.checkpoints import read_checkpoint
from mmseg_fundus.models.encoders.weights import read_encoder

TOOLS = sorted(path.stem for path in (Path(__file__).resolve().parents[2] / 'tools').glob('[!_]*.py'))
CONFIG = 'configs/setr_mla_vitb16_frozen_drive.py'
STARTED = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition('/')[0])
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
finally:
    print('imported:', *[name for name in ('torch', 'mmengine', 'mmcv', 'mmseg', 'mmpretrain') if name in sys.modules])
"""


@pytest.fixture
def start(root, tmp_path):
    """Starts a tool as a user does; returns status, errors, output without the last line, and what was imported of all that takes long."""

    def call(tool, *arguments):
        env = {name: value for name, value in os.environ.items() if name not in ('PYTHONPATH', 'FUNDUS_WEIGHTS')}
        command = [sys.executable, '-c', STARTED, root / 'tools' / f'{tool}.py', *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120)
        out, _, imported = done.stdout.rpartition('imported:')
        return done.returncode, done.stderr, out, imported.split()

    return call


@pytest.mark.slow
@pytest.mark.parametrize('tool', TOOLS)
def test_help_answers_before_torch_is_imported(start, tool):
    status, err, out, imported = start(tool, '--help')
    assert (status, err, imported) == (0, '', []) and out.startswith(f'usage: {tool}.py')


@pytest.mark.parametrize('word', ['--help', '--version'])
def test_so_does_the_command(start, word):
    status, err, out, imported = start('../mmseg_fundus_tools', word)
    assert (status, err, imported) == (0, '', []) and 'fundus-vessels' in out


@pytest.mark.slow
@pytest.mark.parametrize(
    'tool, arguments, words',
    [
        ('train', ['CONFIG', '--weights', '/nope.pth'], 'weights file not found: looked for /nope.pth. Put it there, or name yours'),
        ('train', ['nope.py'], 'config file not found: '),
        ('train', ['CONFIG', '--resume', '/nope.pth'], 'checkpoint not found: /nope.pth'),
        ('test', ['CONFIG', 'any.pth', '/nope.pth'], 'checkpoint not found: /nope.pth'),
        ('test', ['CONFIG', 'any.pth', '--weights', '/nope.pth'], 'weights file not found: looked for /nope.pth'),
        ('predict', ['/nope', '-o', 'out'], '/nope: no such file or folder, and no file matches it as a pattern'),
        ('predict', ['any.png', '-o', 'out', '--config', '/nope.py', '--checkpoint', 'any.pth'], 'config file not found: /nope.py'),
        ('predict', ['any.p*', '-o', 'out', '--config', 'CONFIG', '--checkpoint', '/nope.pth'], 'checkpoint not found: /nope.pth'),
        ('check_weights', ['/nope.pth'], 'weights file not found: looked for /nope.pth'),
        ('check_setup', ['/nope.py'], 'config file not found: /nope.py'),
        ('cache_features', ['CONFIG', '--weights', '/nope.pth'], 'weights file not found: looked for /nope.pth'),
        ('export', ['CONFIG', '/nope.pth', 'out.onnx'], 'checkpoint not found: /nope.pth'),
        ('export_checkpoint', ['CONFIG', '/nope.pth', 'out.pth'], 'checkpoint not found: /nope.pth'),
        ('make_gallery', ['CONFIG', '/nope.pth'], 'checkpoint not found: /nope.pth'),
        ('calibrate', ['/nope.pth', 'out.pth', '--on', 'any.pth'], 'checkpoint not found: /nope.pth'),
        ('evaluate_masks', ['/nope', 'DRIVE'], '/nope: folder of predictions not found'),
        ('report', ['/nope'], '/nope is not there; name a work folder or a results.json'),
        ('unpack_dataset', ['DRIVE', '/nope.zip'], '/nope.zip: archive not found'),
        ('probe_encoder', ['--weights', 'any.pth', '--data-root', '/nope', '--work-dir', 'w'], '--data-root /nope: no such folder'),
        ('reproduce', ['--weights', '/nope.pth', '--data-root', '.'], '--weights /nope.pth: no such file'),
    ],
)
def test_a_wrong_path_is_one_line_before_torch_is_imported(start, root, tmp_path, tool, arguments, words):
    for name in ('any.pth', 'any.png'):
        (tmp_path / name).write_text('x')
    status, err, out, imported = start(tool, *[root / CONFIG if word == 'CONFIG' else word for word in arguments])
    assert (status, out, imported) == (1, '', []), err
    assert err.startswith('error: ') and words in err and err.count('\n') == 1, err
    assert sorted(path.name for path in tmp_path.iterdir()) == ['any.png', 'any.pth'], 'nothing is written'


@pytest.mark.slow
def test_a_wrong_argument_ends_before_torch_is_imported_as_argparse_ends_it(start):
    status, err, _, imported = start('unpack_dataset', 'DRIVF', 'any.zip')
    assert (status, imported) == (2, []) and "invalid choice: 'DRIVF' (choose from" in err


def test_what_is_said_early_is_what_would_be_said_late(tmp_path):
    for early, late in (
        (dict(config=str(tmp_path / 'nope.py')), lambda: load_config(tmp_path / 'nope.py')),
        (dict(weights=str(tmp_path / 'nope.pth')), lambda: read_encoder(tmp_path / 'nope.pth')),
        (dict(checkpoint=str(tmp_path / 'nope.pth')), lambda: read_checkpoint(tmp_path / 'nope.pth')),
    ):
        said = []
        for ask in (lambda early=early: check_files(argparse.Namespace(**early)), late):
            with pytest.raises(FundusError) as caught:
                ask()
            said.append(str(caught.value))
        assert said[0] == said[1] and 'not found' in said[0]


@pytest.mark.parametrize(
    'given',
    [
        dict(config=None, checkpoint=None, resume=None, weights=None),
        dict(resume='auto'),
        *(dict(weights=word) for word in ('random', 'from_checkpoint', 'https://a.example/x.pth', 'torchvision://resnet50', 'timm/vit')),
        *(dict(weights=word) for word in ('there.pth', '$THERE/there.pth', '~/there.pth', '$THERE', '.', 'there')),
        dict(checkpoint=['there.pth', 'there']),
        dict(config='there'),
    ],
)
def test_what_may_be_no_file_is_not_refused_early(tmp_path, monkeypatch, given):
    """An encoder of another package may take a folder, an address or a model's name; the command says later what is wrong."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('THERE', str(tmp_path))
    monkeypatch.setenv('HOME', str(tmp_path))
    for name in ('there', 'there.pth'):
        (tmp_path / name).write_text('x')
    check_files(argparse.Namespace(**given))


@pytest.mark.parametrize('weights', ['nope.pth', 'weights/nope.safetensors', '/nope', '~/nope.pt', '$NOWHERE/nope.ckpt'])
def test_a_path_of_weights_that_is_missing_is_refused_early(tmp_path, monkeypatch, weights):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FundusError, match='weights file not found'):
        check_files(argparse.Namespace(weights=weights))


@pytest.mark.parametrize(
    'words',
    [
        [],
        ['--o', 'a.b=1', 'c=0.5', 'd=True', 'e=None', 'f=text', 'g=a=b', 'h='],
        ['--o', 'a=(0,6,11)', "b='[1, 2]'", 'c=[(1,2),[a,b]]', 'd=1,2'],
        ['--o', 'a=1', 'b=2', '--o', 'b=3', 'c=4'],
    ],
)
def test_key_values_are_read_as_mmengine_reads_them(words):
    ours, theirs = argparse.ArgumentParser(), argparse.ArgumentParser()
    add_key_values(ours, '--o', 'about')
    theirs.add_argument('--o', nargs='+', action=DictAction)
    found = key_values(ours.parse_args(words).o)
    assert found == theirs.parse_args(words).o and (found or {}).keys() == {word.split('=')[0] for word in words if word != '--o'}


@pytest.mark.parametrize('word, error', [('a', ValueError), ('a=1,(2', AssertionError)])
def test_a_word_that_is_no_key_and_value_fails_as_it_does_in_mmengine(word, error):
    with pytest.raises(error):
        key_values([word])

"""``fundus-vessels``: every tool under a short name, the same functions behind it, and as fast an answer."""

import inspect
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import mmseg_fundus_tools as command
from mmseg_fundus import __version__

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
PYTHON_TOOLS = sorted(path.stem for path in TOOLS.glob('[!_]*.py'))
STARTED = """
import sys
sys.argv = ['fundus-vessels', *sys.argv[1:]]
from mmseg_fundus_tools import main
try:
    main()
finally:
    print('imported:', *[name for name in ('torch', 'mmengine', 'mmcv', 'mmseg', 'mmpretrain') if name in sys.modules])
"""


def in_process(capsys, *words):
    """Exit status, output, errors."""
    try:
        command.main(list(words))
        status = 0
    except SystemExit as end:
        status = end.code
    told = capsys.readouterr()
    return status, told.out, told.err


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """What a command changes in its process."""
    monkeypatch.setattr(sys, 'path', [*sys.path])
    monkeypatch.setattr(logging.FileHandler, 'handleError', logging.FileHandler.handleError)
    monkeypatch.setattr(threading, 'excepthook', threading.excepthook)
    interrupt = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, interrupt)


def test_every_tool_is_a_command():
    found = command.commands()
    assert sorted(path.stem for path in found.values() if path.suffix == '.py') == PYTHON_TOOLS
    assert {'train', 'test', 'predict', 'evaluate', 'report', 'check', 'check-weights', 'export', 'dist-train', 'dist-test'} <= set(found)
    assert not [name for name in found if '_' in name or name.startswith('-')] and all(path.is_file() for path in found.values())
    assert set(command.SHORT) <= set(PYTHON_TOOLS), 'a short name of a tool that is no more'


def test_the_overview_says_of_each_what_it_does(capsys):
    status, out, err = in_process(capsys, '--help')
    assert (status, err) == (0, '') and all(len(line) <= 100 for line in out.splitlines())
    for name in command.commands():
        assert re.search(rf'^  {name} +\w.{{20}}', out, re.MULTILINE), name
    assert in_process(capsys) == (2, '', out)


def test_the_version_is_that_of_the_package(capsys):
    assert in_process(capsys, '--version') == (0, f'fundus-vessels {__version__}\n', '')


@pytest.mark.parametrize('tool', PYTHON_TOOLS)
def test_a_tool_has_the_functions_that_both_call(tool):
    found = command.tool(TOOLS / f'{tool}.py')
    with pytest.raises(SystemExit) as end:
        found.parse_args(['--help'], 'another name')
    assert end.value.code == 0 and list(inspect.signature(found.main).parameters) == ['words', 'prog']


@pytest.mark.parametrize('word', ['evaluate', 'evaluate_masks', 'evaluate-masks'])
def test_a_command_is_called_by_its_name_or_the_tools(capsys, word):
    status, out, _ = in_process(capsys, word, '--help')
    assert status == 0 and out.startswith(f'usage: fundus-vessels {word} [-h]') and 'PRED_DIR' in out


@pytest.mark.parametrize(
    'word, hint', [('trian', 'did you mean train?'), ('prdict', 'did you mean predict?'), ('xyz', 'train, unpack were expected')]
)
def test_an_unknown_command_is_one_line_with_near_ones(capsys, word, hint):
    status, out, err = in_process(capsys, word, 'any.py')
    assert (status, out, err.count('\n')) == (2, '', 1) and err.startswith(f"error: fundus-vessels has no command '{word}'") and hint in err


@pytest.mark.parametrize(
    'words, status, said',
    [
        (['train', '/nope.py'], 1, 'error: config file not found: /nope.py\n'),
        (['predict', '/nope', '-o', 'out'], 1, 'error: /nope: no such file or folder, and no file matches it as a pattern'),
        (['unpack', 'DRIVF', 'x.zip'], 2, "fundus-vessels unpack: error: argument DATASET: invalid choice: 'DRIVF'"),
        (
            ['results-table', '--check', '--results', '/nope', '--readme', '/nope/README.md'],
            1,
            'error: --readme /nope/README.md cannot be read',
        ),
    ],
)
def test_an_error_is_the_tools_own_line_and_status(capsys, words, status, said):
    found = in_process(capsys, *words)
    assert found[0] == status and said in found[2] and 'Traceback' not in found[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    'words, status, said',
    [
        (['--help'], 0, 'usage: fundus-vessels COMMAND'),
        (['--version'], 0, 'fundus-vessels '),
        (['predict', '--help'], 0, 'usage: fundus-vessels predict'),
        (
            ['train', 'setr_mla_vitb16_frozen_detail.py', '--weights', '/nope.pth'],
            1,
            'setr_mla_vitb16_frozen_detail.py is taken, which comes',
        ),
        (['test', '/nope.py', 'any.pth'], 1, 'error: config file not found: /nope.py'),
    ],
)
def test_the_command_answers_before_torch_is_imported(root, tmp_path, words, status, said):
    env = {**os.environ, 'PYTHONPATH': str(root)}
    done = subprocess.run([sys.executable, '-c', STARTED, *words], capture_output=True, text=True, cwd=tmp_path, env=env)
    out, _, imported = done.stdout.rpartition('imported:')
    assert done.returncode == status and said in out + done.stderr, done.stderr
    assert imported.split() == []


@pytest.mark.slow
@pytest.mark.parametrize('environment', [{}, {'VIRTUAL_ENV': '/another'}])
def test_several_processes_are_started_with_the_python_of_the_command(root, tmp_path, environment):
    """Wherever the command is: no environment needs to be active, and another one that is does not count."""
    (tmp_path / 'python').write_text('#!/bin/sh\ncase $1 in -c) ;; *) echo "started $0 $*" ;; esac\n')
    (tmp_path / 'python').chmod(0o755)
    code = f'import sys; sys.executable = {str(tmp_path / "python")!r}; from mmseg_fundus_tools import main; main(sys.argv[1:])'
    env = {name: value for name, value in os.environ.items() if name not in ('VIRTUAL_ENV', 'CONDA_PREFIX', 'PORT')}
    command = [sys.executable, '-c', code, 'dist-train', 'any.py', '4', '--epochs', '3']
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**env, **environment, 'PYTHONPATH': str(root)})
    assert done.returncode == 0 and done.stdout.startswith(f'started {tmp_path}/python {root}/tools/_torchrun.py'), (
        done.stdout + done.stderr
    )
    assert f'--nproc_per_node 4 {root}/tools/train.py any.py --epochs 3 --launcher pytorch' in done.stdout

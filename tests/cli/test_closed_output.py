"""Behind ``| head`` a command ends without a word, as other commands do."""

import os
import subprocess
import sys

import pytest


def closed_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def run(*words):
    output, buffered = closed_pipe(), {name: value for name, value in os.environ.items() if name != 'PYTHONUNBUFFERED'}
    try:
        done = subprocess.run([sys.executable, *words], stdout=output, stderr=subprocess.PIPE, text=True, check=False, env=buffered)
    finally:
        os.close(output)
    return done.returncode, done.stderr


@pytest.mark.parametrize('word', ['--help', '--version'])
def test_the_command_itself(word):
    status, errors = run('-m', 'mmseg_fundus_tools', word)
    assert status in (-13, 141) and not errors


def test_a_tool(root, tiny_weights):
    status, errors = run(str(root / 'tools/check_weights.py'), str(tiny_weights))
    assert status == 141 and not errors


def test_the_help_of_a_tool(root):
    status, errors = run(str(root / 'tools/check_weights.py'), '--help')
    assert status == 0 and not errors


def test_another_broken_pipe_is_no_reason_to_be_quiet(root, tmp_path):
    tool = tmp_path / 'tool.py'
    tool.write_text('from mmseg_fundus.cli.run import run\n\ndef main():\n    raise BrokenPipeError(32, "a worker is gone")\n\nrun(main)\n')
    done = subprocess.run([sys.executable, str(tool)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and 'a worker is gone' in done.stderr

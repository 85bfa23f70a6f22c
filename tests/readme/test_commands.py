"""How the commands of the README are found and judged; tests/readme/run.py runs them."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location('readme_commands', Path(__file__).with_name('commands.py'))
readme = importlib.util.module_from_spec(spec)
spec.loader.exec_module(readme)

PAGE = """
```bash
# a comment
CONFIG=a.py
python x.py $CONFIG \\
    --more   # why

```
text `bash`
```python
_base_ = './b.py'
```
"""


def test_commands_are_taken_as_they_stand():
    bash, python = readme.blocks(PAGE)
    assert (bash.language, python) == ('bash', ('python', "_base_ = './b.py'\n"))
    assert readme.commands(bash.text) == ['CONFIG=a.py', 'python x.py $CONFIG --more   # why']


@pytest.mark.parametrize(
    'output, status, wrong',
    [
        ('all well\n', 0, ''),
        ('largest errors\nmean error 1e-7\n', 0, ''),
        ('all well\n', 3, 'exit status 3'),
        ('a\nTraceback (most recent call last):\n', 0, 'Traceback (most recent call last):'),
        ('a\nerror: no such file\nb\n', 0, 'error: no such file'),
        ('a\nerror (rank 2): no such file\n', 0, 'error (rank 2): no such file'),
        ('ERROR: No matching distribution\n', 0, 'ERROR: No matching distribution'),
        ('  KeyError: 3\n', 0, ''),
    ],
)
def test_a_command_is_fine_if_it_ends_well_and_says_nothing_of_an_error(output, status, wrong):
    assert readme.looks_wrong(output, status) == wrong


def test_commands_share_one_shell_and_each_has_its_own_output_and_status(tmp_path):
    shell = readme.Shell(tmp_path, {'PATH': '/usr/bin:/bin'})
    assert [shell.run(command) for command in ('X=three', 'echo $X  # why', 'false', 'ls none 2>/dev/null', 'printf a', 'cat')] == [
        *(('\n', 0), ('three\n\n', 0), ('\n', 1), ('\n', 2), ('a\n', 0), ('\n', 0)),
    ]


def test_every_block_of_the_pages_is_of_a_kind_that_is_run(root):
    found = [block for name in ('README.md', 'docs/tour.md') for block in readme.blocks((root / name).read_text())]
    assert {block.language for block in found} == {'bash', 'python'} and len(found) >= 9
    said = [command for block in found if block.language == 'bash' for command in readme.commands(block.text)]
    assert not [command for command in said if 'CONFIG ' in command.replace('$CONFIG ', '')], 'no placeholder to fill in'
    tools = {path.name for path in (root / 'tools').iterdir()}
    named = {word.removeprefix('tools/') for command in said for word in command.split() if word.startswith('tools/')}
    assert named <= tools and {'train.py', 'test.py', 'predict.py', 'report.py', 'export.py', 'reproduce.py'} <= named


def test_the_readme_is_short(root):
    assert len((root / 'README.md').read_text().splitlines()) <= 120

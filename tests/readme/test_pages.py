"""Commands and configs of every page of the documentation: a tool takes its words, a config that inherits is one."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest

from mmseg_fundus.engine import load_config

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location('readme_commands', Path(__file__).with_name('commands.py'))
readme = importlib.util.module_from_spec(spec)
spec.loader.exec_module(readme)
PAGES = ['README.md', *sorted(str(path.relative_to(ROOT)) for path in (ROOT / 'docs').glob('*.md'))]
BLOCKS = [(page, block) for page in PAGES for block in readme.blocks((ROOT / page).read_text())]
SAID = sorted({(page, command) for page, block in BLOCKS if block.language == 'bash' for command in readme.commands(block.text)})
SHORT = {'check': 'check_setup', 'evaluate': 'evaluate_masks'}


def tool_of(command: str) -> tuple:
    """The Python tool that a command calls, and its words; ``(None, [])`` if it calls none."""
    words = shlex.split(re.sub(r'\$\([^)]*\)|\$\{?\w+\}?', 'given', command), comments=True)
    for i, word in enumerate(words):
        if re.fullmatch(r'(.*/)?tools/\w+\.py', word):
            return ROOT / 'tools' / Path(word).name, words[i + 1 :]
        if word == 'fundus-vessels' and i + 1 < len(words):
            name = SHORT.get(words[i + 1], words[i + 1].replace('-', '_'))
            return ROOT / 'tools' / f'{name}.py', words[i + 2 :]
    return None, []


CALLS = [(page, command) for page, command in SAID if tool_of(command)[0] and 'complete' not in command]


@pytest.fixture(scope='module')
def tools():
    """Tools by file, loaded once."""
    sys.path.insert(0, str(ROOT / 'tools'))
    loaded = {}

    def load(path):
        if path not in loaded:
            found = importlib.util.spec_from_file_location(f'page_{path.stem}', path)
            loaded[path] = importlib.util.module_from_spec(found)
            found.loader.exec_module(loaded[path])
        return loaded[path]

    yield load
    sys.path.remove(str(ROOT / 'tools'))


@pytest.mark.parametrize('page, command', CALLS, ids=[f'{page}: {command[:60]}' for page, command in CALLS])
def test_a_tool_takes_the_words_of_a_page(page, command, tools, capsys):
    path, words = tool_of(command)
    if '--help' in words:
        return
    try:
        tools(path).parse_args(words)
    except SystemExit:
        pytest.fail(f'{page}: {command}\n{capsys.readouterr().err}')


def test_files_that_a_page_names_are_in_the_checkout():
    named = {
        (page, word)
        for page, command in SAID
        for word in re.findall(r'(?<![\w/])(?:configs|tools|examples|mmseg_fundus)/[\w./]+\w', command)
    }
    assert len(named) > 20 and not sorted((page, word) for page, word in named if not (ROOT / word).exists())


CONFIGS = [(page, block.text) for page, block in BLOCKS if block.language == 'python' and "_base_ = './" in block.text]


@pytest.mark.parametrize('number', range(len(CONFIGS)))
def test_a_config_of_a_page_inherits(number, tmp_path):
    page, text = CONFIGS[number]
    file = tmp_path / 'snippet.py'
    file.write_text(text.replace("_base_ = './", "_base_ = 'mmseg_fundus::"))
    cfg = load_config(file)
    assert cfg.model.type and cfg.train_dataloader, page


@pytest.mark.parametrize('number', [i for i, (_, block) in enumerate(BLOCKS) if block.language == 'python'])
def test_a_snippet_of_a_page_is_python(number):
    page, block = BLOCKS[number]
    compile(block.text, page, 'exec')

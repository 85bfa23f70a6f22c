"""The command ``fundus-vessels``: the tools of mmseg_fundus under short names, wherever the package is installed.

It stands beside the package, not in it: what imports the package registers everything, which takes seconds, and a tool first reads its
arguments (tools/_setup.py).  ``python -m mmseg_fundus_tools`` is the same.
"""

import os
import signal
import sys
import textwrap
from functools import partial
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import NoReturn

NAME = 'fundus-vessels'
SHORT = {  # of the others the command is the file's name
    'check_setup': 'check',
    'evaluate_masks': 'evaluate',
    'make_gallery': 'gallery',
    'make_standins': 'standins',
    'probe_encoder': 'probe',
    'unpack_dataset': 'unpack',
}
SCRIPTS = ('dist_train', 'dist_test', 'slurm_train')  # of bash


def package() -> Path:
    """Folder of mmseg_fundus; it is not imported."""
    spec = util.find_spec('mmseg_fundus')
    if spec is None or spec.origin is None:
        fail('mmseg_fundus is not installed in the environment of this command', 1)
    return Path(spec.origin).parent


def commands() -> dict[str, Path]:
    """Files of the tools by the names of their commands."""
    inside = package() / '.mim' / 'tools'
    folder = (inside if inside.is_dir() else package().parent / 'tools').resolve()
    files = [*folder.glob('[!_]*.py'), *(folder / f'{name}.sh' for name in SCRIPTS)]
    return dict(sorted((SHORT.get(path.stem, path.stem.replace('_', '-')), path) for path in files))


def about(path: Path) -> str:
    """What a tool says it is: its first line; of bash its second, the first sentence."""
    lines = path.read_text(encoding='utf-8').splitlines()
    return lines[0].strip('"') if path.suffix == '.py' else lines[1].removeprefix(f'# {path.name} ').split('. ')[0]


def overview() -> str:
    """What ``--help`` prints."""
    lines = [f'usage: {NAME} COMMAND ...', f'       {NAME} COMMAND --help', f'       {NAME} --version', '']
    for name, path in commands().items():
        lines += textwrap.wrap(about(path), 100, initial_indent=f'  {name:<18} ', subsequent_indent=' ' * 21)
    return '\n'.join([*lines, '', 'Where a page or a message says tools/NAME.py, NAME is the command, or its longer name.'])


def version() -> str:
    """Of the package that is found here."""
    text = (package() / 'version.py').read_text(encoding='utf-8')
    return text.partition('=')[2].strip().strip("'")


def fail(message: str, status: int) -> NoReturn:
    """End with one line."""
    print(f'error: {message}', file=sys.stderr)
    sys.exit(status)


def find(word: str) -> Path:
    """File of the tool that is meant; ends with a line if there is none."""
    known = commands()
    by_file = {path.stem: path for path in known.values()}
    found = known.get(word) or by_file.get(word.replace('-', '_'))
    if found is None:
        from difflib import get_close_matches

        close = get_close_matches(word, known, n=2)
        hint = f'did you mean {" or ".join(close)}?' if close else f'{", ".join(known)} were expected'
        fail(f'{NAME} has no command {word!r}; {hint}', 2)
    return found


def tool(path: Path) -> ModuleType:
    """A tool, imported; those that it shares parts with lie beside it."""
    sys.path.insert(0, str(path.parent))
    spec = util.spec_from_file_location(f'fundus_vessels_{path.stem}', path)
    assert spec and spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(words: list[str] | None = None) -> None:
    """Run the tool that the first word names with the others."""
    words = sys.argv[1:] if words is None else words
    if not words:
        print(overview(), file=sys.stderr)
        sys.exit(2)
    first, *rest = words
    if first in ('-h', '--help', 'help', '--version'):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as cli.run does it; importing that takes seconds here
        print(f'{NAME} {version()}' if first == '--version' else overview())
        return
    path = find(first)
    if path.suffix == '.sh':
        os.execvpe('bash', ['bash', str(path), *rest], {**os.environ, 'FUNDUS_PYTHON': sys.executable})
    main_of_tool = tool(path).main
    from mmseg_fundus.cli.run import run

    run(partial(main_of_tool, rest, f'{NAME} {first}'))


if __name__ == '__main__':
    main()

"""The Markdown page that a script here writes: what was run, on what, and what was seen."""

import platform
import sys
from pathlib import Path

import torch

from mmseg_fundus.fileio.whole_files import write_whole
from mmseg_fundus.results.provenance import git_state


def write_page(path: Path, title: str, about: str, lines: list) -> None:
    """Write ``lines`` under how this script was called, on which revision and versions."""
    git = git_state() or {}
    revision = f'{git.get("revision", "unknown")[:12]}{" with changes" if git.get("changed") else ""}'
    call = ' '.join(['python', f'tests/faults/{Path(sys.argv[0]).name}', *sys.argv[1:]])
    made = f'Made by `{call}` on revision {revision}, Python {platform.python_version()}, torch {torch.__version__}. {about}'
    write_whole(path.absolute(), lambda path: path.write_text('\n'.join([f'# {title}', '', made, '', *lines]) + '\n'))

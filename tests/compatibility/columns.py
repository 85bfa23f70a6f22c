"""The page docs/compatibility.md, made from the verdicts that are kept beside it, a column for each family of OpenMMLab packages."""

import json
import platform
from importlib import metadata
from pathlib import Path

from habits import ROWS
from tiny import ROOT

from mmseg_fundus.fileio.whole_files import write_whole
from mmseg_fundus.results.provenance import git_state
from mmseg_fundus.stack import installed_versions

KEPT = ROOT / 'docs' / 'compatibility.json'
PAGE = ROOT / 'docs' / 'compatibility.md'
STACKS = ('onedl', 'upstream')
ABOUT = """# What OpenMMLab's users are used to

Each row was really run, on a tiny model and made-up pictures, by `python tests/compatibility/run.py --write`, which fails if a value is
otherwise than the row says, if a refusal is more than one line, or if there is a traceback. "Works" means that what stands under
"looked at" was found to be so. A refusal is shown with its line. `onedl` is the maintained continuation of the OpenMMLab packages,
`upstream` the original ones (docs/install.md).
"""


def stack() -> str:
    """Which family this environment has."""
    return STACKS[0] if any(name.startswith('onedl-') for name in installed_versions()) else STACKS[1]


def _versions() -> dict:
    found = {'Python': platform.python_version(), **{name: metadata.version(name) for name in ('torch', 'numpy')}, **installed_versions()}
    git = git_state() or {}
    return {**found, 'revision': f'{git.get("revision", "unknown")[:12]}{" with changes" if git.get("changed") else ""}'}


def kept() -> dict:
    """The stored columns: ``{stack: {'versions': ..., 'rows': {name: {'verdict': ..., 'line': ...}}}}``."""
    return json.loads(KEPT.read_text()) if KEPT.is_file() else {}


def store(verdicts: list) -> None:
    """Keep verdicts in this environment's column; rows that were not tried stay, those that no longer exist go."""
    columns = kept()
    rows = {**columns.get(stack(), {}).get('rows', {}), **{verdict.name: verdict.kept() for verdict in verdicts}}
    columns[stack()] = {'versions': _versions(), 'rows': {name: rows[name] for name in ROWS if name in rows}}
    text = json.dumps({name: columns[name] for name in STACKS if name in columns}, indent=1) + '\n'
    write_whole(KEPT, lambda path: path.write_text(text))


def _cell(found: dict | None) -> str:
    if found is None:
        return 'not run'
    line = ' '.join(found.get('line', '').split()).replace('|', '\\|').replace('`', "'")
    return found['verdict'] if found['verdict'] == 'works' else f'{found["verdict"]}: `{line}`'


def text() -> str:
    """The page, from what is stored."""
    columns = kept()
    lines = [ABOUT]
    for name in STACKS:
        versions = columns.get(name, {}).get('versions')
        lines.append(f'- `{name}`: ' + (', '.join(f'{key} {value}' for key, value in versions.items()) if versions else 'not run yet'))
    kinds = list(dict.fromkeys(row.kind for row in ROWS.values()))
    for kind in kinds:
        lines += ['', f'## {kind}', '', '| habit | looked at | onedl | upstream |', '|---|---|---|---|']
        for row in ROWS.values():
            if row.kind == kind:
                cells = [_cell(columns.get(name, {}).get('rows', {}).get(row.name)) for name in STACKS]
                verdicts = {cell.split(':')[0] for cell in cells} - {'not run'}
                mark = ' (**differs**)' if len(verdicts) > 1 else ''
                lines.append(f'| {row.name}{mark} | {row.checked} | {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def write_page() -> None:
    """Write the page; it is whole or as it was."""
    page = text()
    write_whole(PAGE, lambda path: Path(path).write_text(page))

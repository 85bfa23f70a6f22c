"""What figures were made with and from: versions, the state of the code, and which pictures, by their contents."""

import functools
import itertools
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ..stack import installed_versions
from ..version import __version__


def versions() -> dict[str, str]:
    """Version of everything that figures depend on, by name."""
    return {
        'mmseg_fundus': __version__,
        'python': platform.python_version(),
        'torch': str(torch.__version__),  # itself a class, which no safe load takes
        'numpy': metadata.version('numpy'),
        **installed_versions(),
    }


Files = dict[str, dict[str, str]]  # name of a picture: hashes of its files by their role, as a data set's files() has them
ROOT = Path(__file__).resolve().parents[2]
CODE = ('mmseg_fundus', 'configs', 'tools')  # new files count there
NO_CODE = (':(exclude)docs', ':(exclude)configs/results', ':(exclude,glob)**/*.md')  # what tools write tables and pictures into


@functools.cache
def git_state(root: Path = ROOT) -> dict[str, Any] | None:
    """Revision of the checkout that this package is imported from, and whether code in it was changed; ``None`` without one.

    Args:
        root (Path): The checkout.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}  # a hook's names its repository

    def git(*arguments: str) -> str:
        command = ['git', '-c', f'safe.directory={root}', '-C', str(root), *arguments]  # of another user: only its revision is read
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    try:
        if not (root / '.git').exists():  # installed; a repository further up is not ours
            return None
        changed = git('status', '--porcelain', '--untracked-files=no', '--', '.', *NO_CODE) or git(
            'status', '--porcelain', '--', *CODE, *NO_CODE
        )
        return {'revision': git('rev-parse', 'HEAD'), 'changed': bool(changed)}
    except (OSError, subprocess.SubprocessError):
        return None


def seen_before(files: Files, trained_files: Any) -> list[str]:
    """Names of those ``files`` whose picture is one of ``trained_files``, by contents (both as :meth:`.FundusVessels.files`)."""
    known = {digests['picture'] for digests in _entries(trained_files).values()}
    return [name for name, digests in files.items() if digests['picture'] in known]


def merged(*parts: Any) -> Files:
    """Pictures of several data sets as one: two of one name and other contents keep both, the later one's name with its hash."""
    result: Files = {}
    for name, digests in itertools.chain(*(_entries(part).items() for part in parts)):
        known = result.get(name)
        result[name if known in (None, digests) else f'{name} ({digests["picture"]})'] = digests
    return result


def difference(files: Any, before: Any) -> str:
    """In words how a data set's files differ from those that a training began with; '' if they do not."""
    files, before = _entries(files), _entries(before)
    changed = [name for name in files if any(files[name].get(role) != found for role, found in before.get(name, {}).items())]
    parts = (('new', set(files) - set(before)), ('missing', set(before) - set(files)), ('changed', changed))
    return ', '.join(
        f'{len(names)} {word} ({", ".join(sorted(names)[:3])}{", ..." if len(names) > 3 else ""})' for word, names in parts if names
    )


def _entries(files: Any) -> Files:
    """What can be used of a checkpoint's list of files, which may hold anything."""
    entries = files.items() if isinstance(files, dict) else ()
    return {str(name): digests for name, digests in entries if isinstance(digests, dict) and isinstance(digests.get('picture'), str)}

import functools
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import torch

from ..stack import installed_versions
from ..version import __version__


def versions() -> dict:
    """Version of everything that figures depend on, by name."""
    return {
        'mmseg_fundus': __version__,
        'python': platform.python_version(),
        'torch': str(torch.__version__),  # itself a class, which no safe load takes
        'numpy': metadata.version('numpy'),
        **installed_versions(),
    }


@functools.cache
def git_state() -> dict | None:
    """Revision of the checkout that this package is imported from, and whether files in it were changed; ``None`` without one."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments) -> str:
        return subprocess.run(['git', '-C', str(root), *arguments], capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    try:
        if not (root / '.git').exists():  # installed; a repository further up is not ours
            return None
        return {'revision': git('rev-parse', 'HEAD'), 'changed': bool(git('status', '--porcelain', '--untracked-files=no'))}
    except (OSError, subprocess.SubprocessError):
        return None


def seen_before(files: dict, trained_files: dict) -> list:
    """Names of those ``files`` whose picture is one of ``trained_files``, by contents (both as :meth:`.FundusVesselDataset.files`)."""
    known = {str(digests.get('picture')) for digests in trained_files.values() if isinstance(digests, dict)}
    return [name for name, digests in files.items() if digests['picture'] in known]

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where everything that can be made again is kept: ``$FUNDUS_CACHE``, or else ``mmseg_fundus`` in the user's cache folder."""
    home = os.environ.get('FUNDUS_CACHE')
    return Path(home) if home else Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'mmseg_fundus'

"""What a command line says about the config."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from mmengine.config import DictAction

from ..fileio.safe_load import OPT_IN
from .distributed import check_processes


def key_values(words: Sequence[str] | None) -> dict[str, Any] | None:
    """``KEY=VALUE`` words as they come from the command line, read as mmengine's ``DictAction`` does; ``None`` if there are none.

    The parser keeps the words as they are: mmengine takes long to import.
    """
    if words is None:
        return None
    found = argparse.Namespace()
    DictAction([], 'options')(argparse.ArgumentParser(), found, words)
    return dict(found.options)


def common_options(args: argparse.Namespace) -> dict[str, Any]:
    """``--cfg-options`` with the switches that are short for one, for :func:`.config.load_config`; ``{}`` if there are none.

    Raises:
        ConfigError: If there are more processes on this machine than GPUs.
    """
    check_processes()
    os.environ.setdefault('LOCAL_RANK', str(getattr(args, 'local_rank', 0)))
    options = key_values(args.cfg_options) or {}
    if args.allow_unsafe:
        os.environ[OPT_IN] = '1'
    return options

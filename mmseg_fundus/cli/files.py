"""Looking for the files that a command names, before anything is imported that takes seconds.

Only what the command would refuse later is refused, in the same words, by the same functions.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from ..named_files import find_config, find_weights, known_checkpoint

SUFFIXES = ('.pth', '.pt', '.ckpt', '.safetensors')  # of files of weights


def check_files(args: argparse.Namespace, find: Callable[[str], object] = known_checkpoint) -> None:
    """Raise if a file is missing that a command of a config names; the name of a config that comes with the package becomes its path.

    Args:
        args (argparse.Namespace): ``config``, ``checkpoint`` (one or several), ``resume``, ``weights``; those that the command has.
        find (Callable): Raises if a checkpoint is missing; the one that the command reads it with.

    Raises:
        ConfigError: If there is no such config or checkpoint.
        CheckpointError: Of some commands, if there is no such checkpoint.
        WeightsError: If there is no such weights file.
    """
    for path in given(args, 'config'):
        args.config = str(find_config(path))
    for path in given(args, 'checkpoint'):
        find(path)
    for path in given(args, 'resume'):
        if path != 'auto':  # the latest of the work folder
            known_checkpoint(path)
    for path in given(args, 'weights'):
        check_weights_option(path)


def given(args: argparse.Namespace, name: str) -> list[str]:
    """What an option, or an argument, holds as a list; empty if it was not given or the command has none of that name."""
    found = getattr(args, name, None)
    return [] if found is None else [found] if isinstance(found, str) else list(found)


def check_weights_option(named: str) -> None:
    """Raise :class:`WeightsError` if ``--weights`` is the path of a file and nothing is there.

    An encoder of another package may know what else it stands for, a model's name or an address; so do ``random`` and
    ``from_checkpoint``.  Of what is there, the encoder says whether it is of use.
    """
    path = Path(os.path.expandvars(named)).expanduser()
    if '://' not in named and (path.is_absolute() or path.suffix in SUFFIXES) and not path.exists():
        find_weights(named)

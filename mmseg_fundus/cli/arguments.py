"""Options that several commands share."""

import argparse
from collections.abc import Sequence
from importlib.metadata import entry_points

import mmseg_fundus

from ..choices import PUBLIC_SETS, SOURCES_GROUP
from .run import load


def add_common_arguments(parser: argparse.ArgumentParser, launcher: bool = True, loops: bool = True) -> None:
    """Options that the tools which take a config share.

    Args:
        parser (argparse.ArgumentParser): Gets them.
        launcher (bool): Those of tools that run in several processes.
        loops (bool): Those of tools that train or test.
    """
    if loops:
        parser.add_argument('--work-dir', metavar='DIR', help='output folder (default: work_dirs/<config name>)')
        parser.add_argument('--data-root', metavar='DIR', help="folder of the data set, instead of the config's")
    parser.add_argument('--weights', metavar='FILE', help="encoder weights file, instead of the config's")
    parser.add_argument(
        '--allow-unsafe', action='store_true', help='unpickle weights and checkpoint files without restrictions: runs code in them'
    )
    add_key_values(
        parser,
        '--cfg-options',
        'override settings of the config, e.g. train_dataloader.batch_size=2 model.backbone.out_indices="(0,6,11)"',
    )
    if not launcher:
        return
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='how the processes were started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_key_values(parser: argparse.ArgumentParser, option: str, about: str) -> None:
    """An option of ``KEY=VALUE`` words, which may be given several times; :func:`.engine.options.key_values` reads them."""
    parser.add_argument(option, nargs='+', action='extend', metavar='KEY=VALUE', help=about)


def data_set_names(having: str = '') -> list[str]:
    """Names of the data sets that are known, for an option's help.

    Where an installed package brings data sets, everything is imported to ask it.

    Args:
        having (str): Of the sources that have this attribute alone, ``'rules'`` or ``'recipe'``; the public ones have both.

    Raises:
        ConfigError: If a package that brings data sets cannot be imported.
    """
    if not mmseg_fundus.registered() and not entry_points(group=SOURCES_GROUP):
        return list(PUBLIC_SETS)
    load()
    from ..datasets.sources import known_sources

    return [name for name, source in known_sources().items() if not having or getattr(source, having)]


def add_tta_arguments(parser: argparse.ArgumentParser) -> None:
    """``--tta [flips]`` and ``--no-tta``: ``args.tta`` is ``True``, ``'flips'`` or ``False``, ``None`` where the config decides.

    The parser is given :func:`tta_spelled_out` of the words, so that a file's name may stand behind ``--tta``.
    """
    poses = parser.add_mutually_exclusive_group()
    poses.add_argument(
        '--tta',
        nargs='?',
        const=True,
        type=_poses,
        metavar='flips',
        help='average the probabilities of all eight flips and quarter turns, or of the four flips alone (default: as the config says)',
    )
    poses.add_argument('--no-tta', dest='tta', action='store_false', default=None, help='predict the picture as it is alone')


def tta_spelled_out(words: Sequence[str]) -> list[str]:
    """The words of a command line, with ``--tta=all`` for a ``--tta`` that no ``flips`` follows."""
    follows = [*words[1:], '']
    return ['--tta=all' if word == '--tta' and behind != 'flips' else word for word, behind in zip(words, follows)]


def _poses(word: str) -> bool | str:
    if word not in ('all', 'flips'):
        raise argparse.ArgumentTypeError(f"{word!r}: 'flips' was expected, or nothing")
    return word if word == 'flips' else True

"""Everything a report shows, read from a work folder or a results file; what is missing is a sentence."""

import contextlib
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ConfigError, DataError
from ..fileio.reading import read_bytes
from ..named_files import find_run
from ..results import Results, read
from .pictures import Picture, choose, load_pictures, mask_folder
from .training import Curves, training_curves

CONFIG_BYTES = 100_000  # of a config's text that are shown


@dataclass
class Gathered:
    """What a report is made from.

    Attributes:
        folder (Path): Of the results, or of the training without any.
        results (Results): Contents of ``results.json``; empty without one.
        results_path (Path, optional): That file.
        problems (str): What of it is left out, since something else stands there than belongs there; '' if nothing.
        configs (dict): Title to text: the configuration of the results, and of the training where it differs.
        training (dict): See :func:`.training.training_curves`.
        training_folder (Path, optional): Where those are from.
        pictures (list): See :func:`.pictures.load_pictures`.
        no_pictures (tuple, optional): Why there are none of them, one sentence, and the command that helps.
    """

    folder: Path
    results: Results = field(default_factory=Results)
    results_path: Path | None = None
    problems: str = ''
    configs: dict[str, str] = field(default_factory=dict)
    training: Curves = field(default_factory=dict)
    training_folder: Path | None = None
    pictures: list[Picture] = field(default_factory=list)
    no_pictures: tuple[str, str] | None = None


def gather(path: str | Path, pictures: int = 3, data_root: str | Path | None = None, config: str | Path | None = None) -> Gathered:
    """Read what there is.

    Args:
        path (str | Path): A ``results.json`` (any name), or a work folder: the newest results of a test in it or below, else those of a
            validation.
        pictures (int): How many of the best, and of the worst, pictures are shown.
        data_root (str, optional): Folder of the data set, instead of the one in the results.
        config (str | Path, optional): A config file, which is run: its test data set is that of the results.  Without it nothing that
            the results name is run or imported.

    Raises:
        ConfigError: If ``path`` is not there, or is a folder with neither results nor curves.
        DataError: If the file is no results file.
    """
    path = find_run(path)
    found = path if path.is_file() else newest_results(path)
    gathered = Gathered(folder=found.parent if found else path, results_path=found)
    if found:
        gathered.results, problems = read(found)
        gathered.problems = f'Left out of {found}: {problems}.' if problems else ''
    for folder in _training_folders(gathered, path):
        gathered.training = training_curves(folder)
        if gathered.training:
            gathered.training_folder = folder
            break
    if not found and not gathered.training:
        raise ConfigError(
            f'{path} holds neither results.json nor the curves of a training; name the work folder of tools/train.py or test.py'
        )
    gathered.configs = _configs(gathered)
    _add_pictures(gathered, pictures, data_root, config)
    return gathered


def _add_pictures(gathered: Gathered, count: int, data_root: str | Path | None, config: str | Path | None) -> None:
    results = gathered.results
    chosen = choose(results.report.pictures, count)
    if not chosen:
        return
    command = test_command(gathered) if results.phase == 'test' else 'python tools/evaluate_masks.py PRED_DIR DATASET --out DIR'
    try:
        masks = mask_folder(results, gathered.folder)
        command = f'python tools/report.py {shlex.quote(str(gathered.results_path))} --data-root DIR'
        load_pictures(chosen, results, masks, data_root, config)
        gathered.pictures = chosen
    except Exception as error:  # whatever is wrong with files that were moved or edited, the rest of the page is of use
        gathered.no_pictures = (f'{" ".join(str(error).split()).rstrip(".")}.', command)


def newest_results(folder: Path) -> Path | None:
    """The newest ``results.json`` of a test in a folder or below it, else of a validation; ``None`` if there is none."""
    files = (path for path in folder.rglob('results.json') if path.is_file())
    found = sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)
    return next((path for path in found if _of_a_test(path)), found[0] if found else None)


def _of_a_test(path: Path) -> bool:
    with contextlib.suppress(DataError):
        results, _ = read(path)
        return results.phase == 'test' or bool(results.report)
    return False


def _training_folders(gathered: Gathered, path: Path) -> list[Path]:
    """Where the training of the results may have been: the checkpoint's folder first, then the given one and the results' own."""
    checkpoint = gathered.results.checkpoint
    folders = [path if path.is_dir() else path.parent, gathered.folder]
    if not checkpoint:
        return folders
    near = [Path(checkpoint).parent, gathered.folder, gathered.folder.parent]
    return [folder for folder in near if (folder / Path(checkpoint).name).is_file()] or folders


def _configs(gathered: Gathered) -> dict[str, str]:
    """Resolved configs: of the results, from them or beside them, never from where they say; of the training, if it is another one."""
    results, training = gathered.results, gathered.training_folder
    found: dict[str, str | None] = {}
    if results.config_text:
        found['Configuration'] = _cut(results.config_text.encode('utf-8', 'replace'), gathered.results_path or gathered.folder)
    elif results.config is not None:
        found['Configuration'] = _text(gathered.folder / Path(results.config).name, gathered.folder)
    starts = sorted(training.glob('*/vis_data/config.py'), reverse=True) if training else []
    of_training = [path for path in starts if path.with_name('scalars.json').exists()] + (sorted(training.glob('*.py')) if training else [])
    text = next((text for text in (_text(path, training) for path in of_training) if text), None) if training else None
    if text != found.get('Configuration'):
        found['Configuration of the training'] = text
    return {title: text for title, text in found.items() if text}


def _text(path: Path, folder: Path) -> str | None:
    """Contents of a config, cut; ``None`` if there is none, or a link leads out of ``folder``."""
    try:
        inside = os.path.realpath(path).startswith(os.path.join(os.path.realpath(folder), ''))
        return _cut(read_bytes(path), path) if inside and path.suffix == '.py' else None
    except (DataError, ValueError):
        return None


def _cut(text: bytes, path: Path) -> str:
    """Text of a config, cut after :data:`CONFIG_BYTES`."""
    cut = f'\n... ({len(text):,} bytes, the rest is in {path})' if len(text) > CONFIG_BYTES else ''
    return text[:CONFIG_BYTES].decode('utf-8', 'replace') + cut


def test_command(gathered: Gathered) -> str:
    """The command that tests what was gathered, as far as that is known."""
    config = gathered.results.config or 'CONFIG'
    checkpoint: str | Path | None = gathered.results.checkpoint
    if not checkpoint and gathered.training_folder:
        best = sorted(gathered.training_folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
        checkpoint = best[-1] if best else None
    return f'python tools/test.py {shlex.quote(str(config))} {shlex.quote(str(checkpoint or "CHECKPOINT"))}'

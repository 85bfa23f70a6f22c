"""What OpenMMLab's tools read of our configs, ``configs/metafile.yml``: names, files, and the figures that were measured."""

import statistics
from pathlib import Path
from typing import Any

from mmengine.fileio import dump

from ..fileio.whole_files import write_whole
from .cells import FIGURES, cells, method_of
from .record import Results
from .table import first_comment, grouped, is_held_out

FILE = 'metafile.yml'
HEAD = '# Made by tools/results_table.py from the results in configs/results, do not edit.\n'
SHOWN = {'Dataset': 'data, pictures', 'Trained on': 'trained on', 'Encoder': 'encoder', 'Threshold': 'threshold', 'Seeds': 'seeds'}


def metafile_of(folder: Path, configs: Path) -> list[tuple[Path, str]]:
    """The file that belongs to a folder of results, and its text; none if the results are not those of the folder of configs."""
    if folder.resolve() != (configs / 'results').resolve():
        return []
    measured: dict[str, list[dict[str, Any]]] = {}
    for group in grouped(folder):
        if not is_held_out(group[0]):
            measured.setdefault(method_of(group[0]), []).append(_entry(group))
    models = [_model(path, measured.get(path.stem, [])) for path in sorted(configs.glob('*.py')) if path.stem != 'quickstart']
    text = dump({'Models': models}, file_format='yml', sort_keys=False, allow_unicode=True, width=140)
    return [(configs / FILE, HEAD + text)]


def write_metafile(folder: Path, configs: Path) -> None:
    """Write :func:`metafile_of`."""
    for path, text in metafile_of(folder, configs):
        write_whole(path, lambda temporary, text=text: temporary.write_text(text, encoding='utf-8'))


def _model(path: Path, results: list[dict[str, Any]]) -> dict[str, Any]:
    model = {'Name': path.stem, 'Config': f'configs/{path.name}', 'Metadata': {'About': first_comment(path)}}
    # mmengine's inferencer wants it of each model; the loader says of which ones a checkpoint comes with the package
    model['Weights'] = f'mmseg_fundus://{path.stem}'
    return {**model, 'Results': results} if results else model


def _entry(group: list[Results]) -> dict[str, Any]:
    """Of a row of the table; several seeds are their mean."""
    row = cells(group)
    known = {name: [one.report.inside.pooled.get(name) for one in group] for name in FIGURES}
    metrics = {name: round(statistics.mean(values), 4) for name, values in known.items() if None not in values}  # type: ignore[type-var]
    about = {name: row[column] for name, column in SHOWN.items() if row[column]}
    return {'Task': 'Retinal vessel segmentation', **about, 'Metrics': metrics}

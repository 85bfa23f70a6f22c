"""The table of results, in Markdown, from a folder of results files; and taking another one into it."""

import re
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError
from ..fileio.whole_files import write_whole
from .cells import ABLATION_COLUMNS, COLUMNS, Row, cell, cells, choice_of, method_of, observer_cells, table
from .matrix import matrix, other_cameras
from .record import OF, DataSet, Results, load

BEGIN, END = '<!-- results: made by tools/results_table.py, do not edit -->', '<!-- end of results -->'
SAME_IN_A_ROW = ('trained on', 'data, pictures', 'field of view', 'encoder', 'steps')


def load_for_table(path: Path) -> Results:
    """A results file that holds what a row of the table is made of.

    Raises:
        DataError: If it does not.
    """
    results = load(path)
    if not results.report:
        raise DataError(f"{path} has no figures of VesselMetric, which the table is made of; test with dict(type='VesselMetric') too")
    missing = _missing(results)
    if missing:
        raise DataError(f'{path} is no results.json of {OF}: {missing} is missing, which the table is made of')
    return results


def _missing(results: Results) -> str:
    """What the table needs and the results do not say; '' if nothing."""
    needed: dict[str, Any] = {'the pooled figures of the field of view': results.report.inside.pooled}

    def add(name: str, data: DataSet) -> None:
        needed.update({f'{name}.class': data.class_name, f'{name}.split': data.split, f'{name}.pictures': data.pictures})

    add('data', results.data)
    needed['data.field_of_view'] = results.data.field_of_view
    if results.trained.data:
        add('trained.data', results.trained.data)
    if results.weights is not None:
        needed.update({'weights.path': results.weights.path, 'weights.sha256': results.weights.sha256})
    if results.threshold_chosen_on is not None:
        needed['threshold_chosen_on.split'] = results.threshold_chosen_on.split
    if results.second_observer is not None:
        needed['the pooled figures of the second observer'] = results.second_observer.inside.pooled
    return next((name for name, value in needed.items() if value is None or value == {}), '')


def add(path: Path, folder: Path, checkpoint: str | None = None) -> Path:
    """Take a results file into the folder, under a name that other seeds, data and thresholds of the same method do not have.

    Curves (but for the calibration error), the configuration's text (it is in the repository) and paths of this machine are left out.

    Args:
        path (Path): The file.
        folder (Path): Made if needed.
        checkpoint (str, optional): Name of the checkpoint that is kept beside it, in place of the one it was tested with.

    Raises:
        DataError: If the table cannot show it.
    """
    loaded = load_for_table(path)
    found, error = without_paths(loaded.plain()), loaded.report.curves.calibration.error
    found['report'].pop('curves', None)
    if error is not None:
        found['report']['curves'] = {'calibration': {'error': error}}
    if checkpoint:
        found['checkpoint'] = checkpoint
    found.pop('config_text', None)
    results = Results.read(found)
    data, training = results.data, results.trained
    parts = [method_of(results), data.short_name]
    if data.split != 'test':
        parts.append(str(data.split))
    if training.data and training.data.sets != data.sets:
        parts.append(f'from_{training.data.short_name}')
    if training.seed is not None:
        parts.append(f'seed{training.seed}')
    if choice_of(results):
        parts.append(choice_of(results).partition(' ')[0])
    name = re.sub(r'[^\w.-]+', '_', '_'.join(parts), flags=re.ASCII).lstrip('.')[:150]
    cells([results])  # what cannot be shown is not taken
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f'{name or "results"}.json'
    results.write(target)
    return target


def without_paths(value: Any) -> Any:
    """``value`` with absolute paths cut to their last name: they say nothing elsewhere."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_paths(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def is_held_out(results: Results) -> bool:
    """Whether it was scored on training pictures that were held out: of the ablation, no test."""
    return results.data.split != 'test' and not other_cameras(results)


def grouped(folder: Path) -> list[list[Results]]:
    """The results files of a folder, those of one row together: what differs is the seed."""
    groups: dict[tuple[Any, ...], list[Results]] = {}
    for path in sorted(folder.glob('*.json')):
        results = load_for_table(path)
        row = cells([results])
        same = [row[name] for name in SAME_IN_A_ROW] + [choice_of(results) or row['threshold']]
        groups.setdefault((is_held_out(results), method_of(results), *same), []).append(results)
    return list(groups.values())


def tables(folder: Path, configs: Path | None = None) -> str:
    """Results on test pictures, who was trained on what and tested on what, then the ablation, which is scored on held-out pictures.

    Other seeds of a row are put together.

    Args:
        folder (Path): Of results files, ``*.json``.
        configs (Path, optional): Folder of configs, and of the ablation's in it; those without results are named below the table.
    """
    tests: list[Row] = []
    ablation: list[Row] = []
    groups = grouped(folder)
    for group in groups:
        rows = [cells(group)]
        second = next((one.second_observer for one in group if one.second_observer), None)  # the same whoever is tested
        if second:
            rows.append(observer_cells(group, second))
        (ablation if is_held_out(group[0]) else tests).extend(rows)
    recipes = sorted({path.stem for path in configs.glob('*.py')} - {'quickstart'}) if configs else []
    lines = [*table(tests, COLUMNS), *_not_run(recipes, tests), *matrix([one for group in groups for one in group])]
    if ablation:
        paths = {path.stem: path for path in sorted((configs / 'ablation').glob('*.py'))} if configs else {}
        ablation = [{**row, 'change': first_comment(paths[row['method']]) if row['method'] in paths else ''} for row in ablation]
        ablation.sort(key=lambda row: (row['method'] != 'base', row['method']))
        lines += ['', '### Ablation, on held-out training pictures', '', *table(ablation, ABLATION_COLUMNS)]
        lines += _not_run(list(paths), ablation)
    return '\n'.join(lines)


def _not_run(names: list[str], rows: list[Row]) -> list[str]:
    """The line below a table that names what has no row in it, after an empty one."""
    done = {row['method'].partition(', ensemble of ')[0] for row in rows}
    left = [cell(name) for name in names if name not in done]
    return ['', f'Not run here: {", ".join(left)}.'] if left else []


def first_comment(path: Path) -> str:
    """The first line of a config, which says what it changes."""
    return path.read_text().splitlines()[0].removeprefix('# ')


def around_the_table(readme: Path) -> tuple[str, str]:
    """What stands in a file before and after the table.

    Raises:
        ConfigError: If it cannot be read, or lacks the lines that the table goes between.
    """
    try:
        text = readme.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f'--readme {readme} cannot be read: {getattr(error, "strerror", None) or error}') from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f'--readme {readme} lacks the lines {BEGIN!r} and {END!r}, between which the table goes')
    return before, after


def with_table(readme: Path, folder: Path, configs: Path | None = None) -> str:
    """Text of a file with the table of :func:`tables`; nothing is written."""
    before, after = around_the_table(readme)
    return f'{before}{BEGIN}\n{tables(folder, configs)}\n{END}{after}'


def write_table(readme: Path, folder: Path, configs: Path | None = None) -> int:
    """Write the table into a file; returns how many results it is made of."""
    new = with_table(readme, folder, configs)
    write_whole(readme, lambda path: path.write_text(new))
    return len(list(folder.glob('*.json')))

"""The table of results, in Markdown, from a folder of results files; and taking another one into it."""

import re
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError
from ..fileio.whole_files import write_whole
from .record import OF, DataSet, Report, Results, load

BEGIN, END = '<!-- results: made by tools/results_table.py, do not edit -->', '<!-- end of results -->'
FIGURES = ('Dice', 'AUC-ROC', 'AUC-PR', 'Sensitivity', 'Specificity', 'Accuracy', 'MCC', 'clDice')
ABOUT_TRAINING = ('trained on', 'encoder', 'seeds', 'steps', 'trained parameters', 'training', 'device')
COLUMNS = (
    *('method', 'trained on', 'data, pictures', 'field of view', 'encoder', 'seeds', 'steps', 'trained parameters', 'training'),
    *('threshold', *FIGURES, 'Dice per picture', 'Dice unmasked', 's per picture', 'device'),
)
ABLATION_COLUMNS = (
    *('method', 'change', 'trained on', 'data, pictures', 'encoder', 'seeds', 'steps', 'trained parameters', 'training'),
    *('threshold', *FIGURES),
)
SAME_IN_A_ROW = ('trained on', 'data, pictures', 'field of view', 'encoder', 'steps')
Row = dict[str, str]  # cells by column


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


def add(path: Path, folder: Path) -> Path:
    """Take a results file into the folder, under a name that other seeds, data and thresholds of the same method do not have.

    Curves, the configuration's text (it is in the repository) and paths of this machine are left out.

    Raises:
        DataError: If the table cannot show it.
    """
    found = without_paths(load_for_table(path).plain())
    found['report'].pop('curves', None)
    found.pop('config_text', None)
    results = Results.read(found)
    data, training = results.data, results.trained
    parts = [method_of(results), data.short_name]
    if data.split != 'test':
        parts.append(str(data.split))
    if training.data and training.data.class_name != data.class_name:
        parts.append(f'from_{training.data.short_name}')
    if training.seed is not None:
        parts.append(f'seed{training.seed}')
    if results.threshold_chosen_on:
        parts.append('chosen')
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


def method_of(results: Results) -> str:
    """Name of the method: of the config, or what its maker calls it."""
    if results.config:
        return Path(results.config).stem
    return '?' if results.method is None else results.method


def encoder_of(results: Results) -> str:
    """The encoder in a cell: what is to be known about its weights, else their file."""
    weights = results.weights
    if not weights:
        return results.encoder or ''
    notes = '; '.join(note.split(':')[0] for note in weights.notes)
    return notes or f'{Path(weights.path or "").name}, SHA-256 {(weights.sha256 or "")[:8]}'


def threshold_of(results: Results) -> str:
    """The threshold, and what it was chosen on."""
    given, chosen = results.prediction.threshold, results.threshold_chosen_on
    threshold = f'{0.5 if given is None else given:g}'
    return f'{threshold}, chosen on {chosen.split}' if chosen else threshold


def number(value: float | None) -> str:
    """Four decimals, without the 0 before them; '' for what is not defined."""
    return '' if value is None or value != value else f'{value:.4f}'.removeprefix('0')


def spread(values: list[float | None]) -> str:
    """One run's value, or mean ± standard deviation (n - 1) of several."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return number(known[0]) if known else ''
    return f'{number(statistics.mean(known))} ± {number(statistics.stdev(known))}'


def joined(values: Iterable[Any]) -> str:
    """Different values, in order."""
    return ', '.join(dict.fromkeys(str(value) for value in values if value not in (None, '')))


def pictures_of(data: DataSet) -> str:
    """``DRIVE test, 20``."""
    return f'{data.short_name} {data.split}, {data.pictures}'


def cells(group: list[Results]) -> Row:
    """The columns of one row, from the results of one or several seeds."""
    first, trained = group[0], [results.trained for results in group]
    return {
        'method': method_of(first),
        'trained on': pictures_of(first.trained.data) if first.trained.data else '',
        'data, pictures': pictures_of(first.data),
        'field of view': str(first.data.field_of_view),
        'encoder': encoder_of(first),
        'seeds': joined(one.seed for one in trained),
        'steps': joined(one.steps for one in trained),
        'trained parameters': joined(one.trained_parameters for one in trained),
        'training': joined(f'{one.seconds / 60:.0f} min' for one in trained if one.seconds),
        'threshold': joined(threshold_of(results) for results in group),
        **figure_cells([results.report for results in group]),
        's per picture': joined(f'{results.seconds_per_picture:.1f}' for results in group if results.seconds_per_picture),
        'device': joined(one.device for one in trained),
    }


def observer_cells(group: list[Results]) -> Row:
    """The columns of the second observer beside it."""
    found = [results.second_observer or Report() for results in group]
    about = dict.fromkeys((*ABOUT_TRAINING, 's per picture'), '')
    return {**cells(group), **about, 'method': 'second observer', 'threshold': '0.5', **figure_cells(found)}


def figure_cells(reports: list[Report]) -> Row:
    """The columns of figures."""
    inside = reports[0].inside
    mean, deviation = inside.mean.get('Dice'), inside.sd.get('Dice')
    return {
        **{name: spread([report.inside.pooled.get(name) for report in reports]) for name in FIGURES},
        'Dice per picture': f'{number(mean)} ± {number(deviation)}' if len(reports) == 1 and mean is not None else '',
        'Dice unmasked': spread([report.whole.pooled.get('Dice') for report in reports]),
    }


def table(rows: list[Row], columns: tuple[str, ...]) -> list[str]:
    """Lines of Markdown; columns that no row has anything for are left out, repeated lines too."""
    shown = [name for name in columns if any(row.get(name) for row in rows)]
    lines = [f'| {" | ".join(cell(row.get(name, "")) for name in shown)} |' for row in rows]
    return [f'| {" | ".join(shown)} |', '|' + '---|' * len(shown), *dict.fromkeys(lines)]


def cell(value: str) -> str:
    """Text that is no markup and no other cell."""
    text = ''.join(character if character.isprintable() else ' ' for character in value)
    return re.sub(r'([|<\[\]`\\])', r'\\\1', ' '.join(text.split()))


def tables(folder: Path, configs: Path | None = None) -> str:
    """Results on test pictures, then the ablation, which is scored on held-out training pictures; other seeds of a row are put together.

    Args:
        folder (Path): Of results files, ``*.json``.
        configs (Path, optional): Folder of configs, and of the ablation's in it; those without results are listed as not run.
    """
    groups: dict[tuple[Any, ...], list[Results]] = {}
    for path in sorted(folder.glob('*.json')):
        results = load_for_table(path)
        row, chosen = cells([results]), results.threshold_chosen_on
        same = [row[name] for name in SAME_IN_A_ROW] + [f'chosen on {chosen.split}' if chosen else row['threshold']]
        groups.setdefault((results.data.split != 'test', method_of(results), *same), []).append(results)
    tests: list[Row] = []
    ablation: list[Row] = []
    for (held_out, *_), group in groups.items():
        rows = [cells(group)]
        if group[0].second_observer:
            rows.append(observer_cells(group))
        (ablation if held_out else tests).extend(rows)
    recipes = {path.stem for path in configs.glob('*.py')} - {'quickstart'} if configs else set()
    tests += _not_run(sorted(recipes), tests)
    lines = table(tests, COLUMNS)
    if ablation:
        paths = {path.stem: path for path in sorted((configs / 'ablation').glob('*.py'))} if configs else {}
        ablation += _not_run(list(paths), ablation)
        ablation = [{**row, 'change': first_comment(paths[row['method']]) if row['method'] in paths else ''} for row in ablation]
        ablation.sort(key=lambda row: (row['method'] != 'base', row['method']))
        lines += ['', '### Ablation, on held-out training pictures', '', *table(ablation, ABLATION_COLUMNS)]
    return '\n'.join(lines)


def _not_run(names: list[str], rows: list[Row]) -> list[Row]:
    done = {row['method'] for row in rows}
    return [{'method': name, 'data, pictures': 'not run here'} for name in names if name not in done]


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

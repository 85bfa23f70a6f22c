"""Write the results table of configs/README.md from the results.json files in configs/results.

Example:
    python tools/results_table.py --add work_dirs/run/test/results.json
"""

import argparse
import json
import re
import statistics
import sys
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.engine.cli import run
from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.evaluation.report import FOV, FRAME
from mmseg_fundus.fileio.reading import read_json
from mmseg_fundus.fileio.whole_files import write_whole

ROOT = Path(__file__).resolve().parent.parent
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


def parse_args():
    parser = argparse.ArgumentParser(description='Rebuild the table of results; a config without results is listed as not run.')
    parser.add_argument(
        '--results', type=Path, default=ROOT / 'configs/results', metavar='DIR', help='folder of results.json files, any names'
    )
    parser.add_argument('--readme', type=Path, default=ROOT / 'configs/README.md', metavar='FILE', help='file to write the table into')
    parser.add_argument(
        '--add', type=Path, metavar='FILE', help='first take this results.json into the folder, without curves and paths of this machine'
    )
    parser.add_argument('--check', action='store_true', help='change nothing; exit status 1 if the table is not up to date')
    return parser.parse_args()


# what the table reads of a results file; '?': may be missing, or null
TEXT, NUMBER, COUNT = (str,), (int, float), (int, float, str)
ROW = {f'{name}?': NUMBER for name in FIGURES}
SIDE = {FOV: {'pooled': ROW, 'mean?': ROW, 'sd?': ROW}, f'{FRAME}?': {'pooled?': ROW}}
DATA = {'class': TEXT, 'split': TEXT, 'pictures': COUNT}
TRAINED = {'seconds?': NUMBER, 'device?': TEXT, 'data?': DATA, **{f'{key}?': COUNT for key in ('seed', 'steps', 'trained_parameters')}}
SHAPE = {
    **{'metrics': {}, 'report': SIDE, 'second_observer?': SIDE, 'data': {**DATA, 'field_of_view': TEXT}, 'trained?': TRAINED},
    **{'prediction?': {'threshold?': NUMBER}, 'threshold_chosen_on?': {'split': TEXT}, 'seconds_per_picture?': NUMBER},
    **{'weights?': {'path': TEXT, 'sha256': TEXT, 'notes?': (list,)}, 'config?': TEXT, 'method?': TEXT, 'encoder?': TEXT},
}


def load(path: Path) -> dict:
    """A results file, whose parts are of the kinds that the table needs."""
    try:
        results = read_json(path)
    except DataError as error:
        raise DataError(f'{path} is no results.json ({error}); give one of tools/test.py or tools/evaluate_masks.py') from error
    wrong = differs(results, SHAPE)
    if wrong and isinstance(results, dict) and results.get('metrics') and not results.get('report'):
        raise DataError(f"{path} has no figures of VesselMetric, which the table is made of; test with dict(type='VesselMetric') too")
    if wrong:
        raise DataError(f'{path} is no results.json of tools/test.py or tools/evaluate_masks.py ({wrong})')
    return results


def differs(value, shape, name='it') -> str:
    """Where a value is not of a shape; '' if it is."""
    if isinstance(shape, tuple):
        fits = isinstance(value, shape) and not isinstance(value, bool) and not is_huge(value)
        return '' if fits else f'{name} is {str(value)[:60]!r}'
    if not isinstance(value, dict):
        return f'{name} is {str(value)[:60]!r}, no object'
    for key, inner in shape.items():
        found = value.get(key.removesuffix('?'))
        if found is not None or not key.endswith('?'):
            wrong = differs(found, inner, key.removesuffix('?'))
            if wrong:
                return wrong
    return ''


def is_huge(value) -> bool:
    return isinstance(value, (int, float)) and not -1e15 < value < 1e15 and value == value


def without_paths(value):
    """``value`` with absolute paths cut to their last name: they say nothing elsewhere."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_paths(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def add(path: Path, folder: Path) -> Path:
    """Take a results file into the folder, under a name that other seeds, data and thresholds of the same method do not have."""
    results = without_paths(load(path))
    results['report'].pop('curves', None)
    results.pop('config_text', None)  # the config is in the repository
    data, training = results['data'], trained(results)
    parts = [method_of(results), data['class'].removesuffix('VesselDataset')]
    if data['split'] != 'test':
        parts.append(data['split'])
    if (training.get('data') or data)['class'] != data['class']:
        parts.append(f'from_{training["data"]["class"].removesuffix("VesselDataset")}')
    if training.get('seed') is not None:
        parts.append(f'seed{training["seed"]}')
    if results.get('threshold_chosen_on'):
        parts.append('chosen')
    name = re.sub(r'[^\w.-]+', '_', '_'.join(parts), flags=re.ASCII).lstrip('.')[:150]
    cells([results])  # what cannot be shown is not taken
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f'{name or "results"}.json'
    write_whole(target, lambda temporary: temporary.write_text(json.dumps(results, indent=2) + '\n'))
    return target


def method_of(results: dict) -> str:
    return Path(results['config']).stem if results.get('config') else results.get('method', '?')


def trained(results: dict) -> dict:
    return results.get('trained') or {}


def encoder_of(results: dict) -> str:
    weights = results.get('weights')
    if not weights:
        return results.get('encoder', '')
    return (
        '; '.join(str(note).split(':')[0] for note in weights.get('notes') or [])
        or f'{Path(weights["path"]).name}, SHA-256 {weights["sha256"][:8]}'
    )


def threshold_of(results: dict) -> str:
    given = (results.get('prediction') or {}).get('threshold')
    threshold = f'{0.5 if given is None else given:g}'
    chosen = results.get('threshold_chosen_on')
    return f'{threshold}, chosen on {chosen["split"]}' if chosen else threshold


def number(value) -> str:
    return '' if value is None or value != value else f'{value:.4f}'.removeprefix('0')


def spread(values: list) -> str:
    """One run's value, or mean ± standard deviation (n - 1) of several."""
    values = [value for value in values if value is not None]
    if len(values) < 2:
        return number(values[0]) if values else ''
    return f'{number(statistics.mean(values))} ± {number(statistics.stdev(values))}'


def joined(values) -> str:
    return ', '.join(dict.fromkeys(str(value) for value in values if value not in (None, '')))


def cells(group: list, side: str = 'report') -> dict:
    """The columns of one row, from the results of one or several seeds."""
    first, pooled = group[0], [results[side][FOV]['pooled'] for results in group]
    data, of_own = first['data'], side == 'report'
    inside = first[side][FOV]
    mean, deviation = ((inside.get(row) or {}).get('Dice') for row in ('mean', 'sd'))
    has_pictures = len(group) == 1 and mean is not None
    minutes = [f'{trained(results)["seconds"] / 60:.0f} min' for results in group if trained(results).get('seconds')]
    training = trained(first).get('data')
    row = {
        'method': method_of(first) if of_own else 'second observer',
        'trained on': f'{training["class"].removesuffix("VesselDataset")} {training["split"]}, {training["pictures"]}' if training else '',
        'data, pictures': f'{data["class"].removesuffix("VesselDataset")} {data["split"]}, {data["pictures"]}',
        'field of view': data['field_of_view'],
        'encoder': encoder_of(first),
        'seeds': joined(trained(results).get('seed') for results in group),
        'steps': joined(trained(results).get('steps') for results in group),
        'trained parameters': joined(trained(results).get('trained_parameters') for results in group),
        'training': joined(minutes),
        'threshold': joined(threshold_of(results) for results in group) if of_own else '0.5',
        **{name: spread([figures.get(name) for figures in pooled]) for name in FIGURES},
        'Dice per picture': f'{number(mean)} ± {number(deviation)}' if has_pictures else '',
        'Dice unmasked': spread([((results[side].get(FRAME) or {}).get('pooled') or {}).get('Dice') for results in group]),
        's per picture': joined(f'{results["seconds_per_picture"]:.1f}' for results in group if results.get('seconds_per_picture')),
        'device': joined(trained(results).get('device') for results in group),
    }
    return row if of_own else {**row, **dict.fromkeys(ABOUT_TRAINING, ''), 's per picture': ''}


def table(rows: list, columns: tuple) -> list:
    """Lines of Markdown; columns that no row has anything for are left out, repeated lines too."""
    columns = [name for name in columns if any(row.get(name) for row in rows)]
    lines = [f'| {" | ".join(cell(row.get(name, "")) for name in columns)} |' for row in rows]
    return [f'| {" | ".join(columns)} |', '|' + '---|' * len(columns), *dict.fromkeys(lines)]


def cell(value) -> str:
    """Text that is no markup and no other cell."""
    text = ''.join(character if character.isprintable() else ' ' for character in str(value))
    return re.sub(r'([|<\[\]`\\])', r'\\\1', ' '.join(text.split()))


def tables(folder: Path, configs: list) -> str:
    """Results on test pictures, then the ablation, which is scored on held-out training pictures; other seeds of a row are put together."""
    groups = {}
    for path in sorted(folder.glob('*.json')):
        results = load(path)
        row, chosen = cells([results]), results.get('threshold_chosen_on')
        same = [row[name] for name in SAME_IN_A_ROW] + [f'chosen on {chosen["split"]}' if chosen else row['threshold']]
        key = (results['data']['split'] != 'test', method_of(results), *same)
        groups.setdefault(key, []).append(results)
    tests, ablation = [], []
    for (held_out, *_), group in groups.items():
        rows = [cells(group)]
        if group[0].get('second_observer'):
            rows.append(cells(group, 'second_observer'))
        (ablation if held_out else tests).extend(rows)
    run_here = {row['method'] for row in tests}
    tests += [{'method': config, 'data, pictures': 'not run here'} for config in configs if config not in run_here]
    lines = table(tests, COLUMNS)
    if ablation:
        done = {row['method'] for row in ablation}
        paths = {path.stem: path for path in sorted((ROOT / 'configs/ablation').glob('*.py'))}
        ablation += [{'method': name, 'data, pictures': 'not run here'} for name in paths if name not in done]
        ablation = [{**row, 'change': first_comment(paths[row['method']]) if row['method'] in paths else ''} for row in ablation]
        ablation.sort(key=lambda row: (row['method'] != 'base', row['method']))
        lines += ['', '### Ablation, on held-out training pictures', '', *table(ablation, ABLATION_COLUMNS)]
    return '\n'.join(lines)


def around_the_table(readme: Path) -> tuple:
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


def first_comment(path: Path) -> str:
    return path.read_text().splitlines()[0].removeprefix('# ')


def with_table(readme: Path, folder: Path) -> str:
    """Text of a file with the table that the results say; nothing is written."""
    before, after = around_the_table(readme)
    configs = sorted(path.stem for path in (ROOT / 'configs').glob('*.py') if path.stem != 'quickstart')
    return f'{before}{BEGIN}\n{tables(folder, configs)}\n{END}{after}'


def write_table(readme: Path, folder: Path) -> None:
    new = with_table(readme, folder)
    write_whole(readme, lambda path: path.write_text(new))
    print(f'{readme}: {len(list(folder.glob("*.json")))} results', file=sys.stderr)


def main():
    args = parse_args()
    new = with_table(args.readme, args.results)  # before anything is added: what cannot be read is said first
    if args.check:
        if new != args.readme.read_text():
            raise ConfigError(f'{args.readme} is not what {args.results} says; run tools/results_table.py')
        return
    if args.add:
        add(args.add, args.results)
    write_table(args.readme, args.results)


if __name__ == '__main__':
    run(main)

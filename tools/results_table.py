"""Write the results table of configs/README.md from the results.json files in configs/results.

Example:
    python tools/results_table.py --add work_dirs/run/test/results.json
"""

import argparse
import json
import sys
from pathlib import Path

import _setup  # noqa: F401

from mmseg_fundus.engine.cli import run
from mmseg_fundus.errors import ConfigError, DataError
from mmseg_fundus.evaluation.report import FOV, FRAME
from mmseg_fundus.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = '<!-- results: made by tools/results_table.py, do not edit -->', '<!-- end of results -->'
FIGURES = ('Dice', 'AUC-ROC', 'AUC-PR', 'Sensitivity', 'Specificity', 'Accuracy', 'MCC', 'clDice')


def parse_args():
    parser = argparse.ArgumentParser(description='Rebuild the table of results; a config without results is listed as not run.')
    parser.add_argument(
        '--results', type=Path, default=ROOT / 'configs/results', metavar='DIR', help='folder of results.json files, any names'
    )
    parser.add_argument('--readme', type=Path, default=ROOT / 'configs/README.md', metavar='FILE', help='file to write the table into')
    parser.add_argument(
        '--add', type=Path, metavar='FILE', help='first take this results.json into the folder, without the paths of this machine'
    )
    parser.add_argument('--check', action='store_true', help='change nothing; exit status 1 if the table is not up to date')
    return parser.parse_args()


def load(path: Path) -> dict:
    try:
        results = json.loads(path.read_text())
        results['report'][FOV], results['data']['field_of_view'], results['metrics']
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{path} is no results.json of tools/test.py or tools/evaluate_masks.py ({type(error).__name__}: {error})'
        ) from error
    return results


def without_paths(value):
    """``value`` with absolute paths cut to their last name: they say nothing elsewhere."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_paths(item) for item in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def add(path: Path, folder: Path) -> None:
    results = without_paths(load(path))
    name = f'{method_of(results)} {results["data"]["class"].removesuffix("VesselDataset")}'.replace(' ', '_')
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f'{name}.json', lambda temporary: temporary.write_text(json.dumps(results, indent=2) + '\n'))


def cell(value) -> str:
    return '' if value is None else f'{value:.4f}'.lstrip('0')


def method_of(results: dict) -> str:
    return Path(results['config']).stem if results.get('config') else results.get('method', '?')


def encoder_of(results: dict) -> str:
    weights = results.get('weights')
    if not weights:
        return ''
    return (
        '; '.join(note.split(':')[0] for note in weights.get('notes') or [])
        or f'{Path(weights["path"]).name}, SHA-256 {weights["sha256"][:8]}'
    )


def line(method: str, data: dict, report: dict, threshold: float, encoder: str = '', steps: str = '') -> str:
    pooled, frame = report[FOV]['pooled'], report.get(FRAME, {}).get('pooled', {})
    dice = f'{cell(report[FOV]["mean"].get("Dice"))} ± {cell(report[FOV]["sd"].get("Dice"))}'
    where = f'{data["class"].removesuffix("VesselDataset")} {data["split"]}, {data["pictures"]}'
    cells = [
        method,
        where,
        data['field_of_view'],
        encoder,
        steps,
        f'{threshold:g}',
        *(cell(pooled.get(name)) for name in FIGURES),
        dice,
        cell(frame.get('Dice')),
    ]
    return f'| {" | ".join(cells)} |'


def table(folder: Path, configs: list) -> str:
    """The table as Markdown: runs, second observers where known, and what was not run."""
    head = ['method', 'data, pictures', 'field of view', 'encoder', 'steps', 'threshold', *FIGURES, 'Dice per picture', 'Dice unmasked']
    lines = [f'| {" | ".join(head)} |', '|' + '---|' * len(head)]
    run_here = set()
    for path in sorted(folder.glob('*.json')):
        results = load(path)
        threshold = results.get('prediction', {}).get('threshold', 0.5)
        steps = str((results.get('trained') or {}).get('steps') or '')
        lines.append(line(method_of(results), results['data'], results['report'], threshold, encoder_of(results), steps))
        run_here.add(method_of(results))
        if results.get('second_observer'):
            lines.append(line('second observer', results['data'], results['second_observer'], 0.5))
    lines += [f'| {config} | not run here |' + ' |' * (len(head) - 2) for config in configs if config not in run_here]
    return '\n'.join(dict.fromkeys(lines))


def main():
    args = parse_args()
    if args.add:
        add(args.add, args.results)
    text = args.readme.read_text()
    if BEGIN not in text or END not in text:
        raise ConfigError(f'{args.readme} lacks the lines {BEGIN!r} and {END!r}, between which the table goes')
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    configs = sorted(path.stem for path in (ROOT / 'configs').glob('*.py') if path.stem != 'quickstart')
    new = f'{before}{BEGIN}\n{table(args.results, configs)}\n{END}{after}'
    if args.check:
        if new != text:
            raise ConfigError(f'{args.readme} is not what {args.results} says; run tools/results_table.py')
        return
    args.readme.write_text(new)
    print(f'{args.readme}: {len(list(args.results.glob("*.json")))} results', file=sys.stderr)


if __name__ == '__main__':
    run(main)

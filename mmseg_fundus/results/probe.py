"""What a probe of encoders found: every figure of every run, the comparisons that are drawn from them, and both as tables."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..choices import COMPARED
from ..errors import DataError
from ..fileio.reading import read_json
from ..fileio.whole_files import write_whole
from .cells import cell
from .compare import Difference, Figures, decimals, difference
from .parts import Part, Problems, kept, mapping, rows, text, texts
from .plain import without_nan

VERSION = 1


@dataclass(kw_only=True)
class Probe(Part):
    """Contents of a ``probe.json``.

    Attributes:
        dataset: Name of the set that trained.
        figure: What is compared.
        columns: What was scored: ``'DRIVE, 5 pictures'``, ``'on STARE'``.
        encoders: Names of the weights files, in order; the first is what the others are also compared with.
        files: Of each: path, SHA-256.
        settings: Steps, seeds, pictures.
        rows: A row of each run and picture: ``encoder``, ``kind``, ``column``, ``seed``, ``picture``, figures.
        versions: Of everything that figures depend on.
    """

    dataset: str = kept(text, default='')
    figure: str = kept(text, default='Dice')
    columns: list[str] = kept(texts, make=list)
    encoders: list[str] = kept(texts, make=list)
    files: dict[str, Any] = kept(mapping, make=dict)
    settings: dict[str, Any] = kept(mapping, make=dict)
    rows: list[dict[str, Any]] = kept(lambda value, where, problems: value if rows_fit(value, where, problems) else None, make=list)
    versions: dict[str, Any] = kept(mapping, make=dict)

    def figures(self, encoder: str, kind: str, column: str) -> Figures:
        """``{seed: {picture: figure}}``."""
        found: dict[int, dict[str, float | None]] = {}
        for row in self.rows:
            if (row['encoder'], row['kind'], row['column']) == (encoder, kind, column):
                found.setdefault(int(row['seed']), {})[row['picture']] = row.get(self.figure)
        return found

    def mean(self, encoder: str, kind: str, column: str) -> float | None:
        """Over seeds and pictures."""
        values = [value for one in self.figures(encoder, kind, column).values() for value in one.values() if value is not None]
        return sum(values) / len(values) if values else None

    def comparisons(self) -> list[tuple[str, str, list[tuple[str, Difference]]]]:
        """``(encoder, column, [(against what, difference)])`` of each weights file and column."""
        found = []
        for encoder in self.encoders:
            for column in self.columns:
                own = self.figures(encoder, 'file', column)
                against = [
                    (f'over {kind}', difference(own, self.figures(encoder, kind, column))) for kind in ('random weights', 'no encoder')
                ]
                if encoder != self.encoders[0]:
                    first = self.encoders[0]
                    against.append((f'over {first}', difference(own, self.figures(first, 'file', column))))
                found.append((encoder, column, against))
        return found

    def sentences(self) -> list[str]:
        """One of each weights file and column."""
        return [
            f'{encoder}, {column}: ' + '; '.join(f'{one.sentence(self.figure)} {against}' for against, one in compared) + '.'
            for encoder, column, compared in self.comparisons()
        ]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Heads and rows: means of each kind, and the differences with their intervals."""
        extra = ['over ' + self.encoders[0]] if len(self.encoders) > 1 else []
        differences = ['over random weights', 'over no encoder', *extra]
        head = ['encoder', 'column', f'{self.figure}', 'random weights', 'no encoder', *differences, 'seeds x pictures']
        lines = []
        for encoder, column, compared in self.comparisons():
            means = [self.mean(encoder, kind, column) for kind in ('file', 'random weights', 'no encoder')]
            known = dict(compared)
            cells = [_interval(known[one]) if one in known else '' for one in differences]
            size = compared[0][1]
            told = ['' if value is None else f'{value:.4f}'.removeprefix('0') for value in means]
            lines.append([encoder, column, *told, *cells, f'{size.seeds} x {size.pictures}'])
        return head, lines

    def markdown(self) -> str:
        """Table, sentences and how to read them."""
        head, lines = self.table()
        drawn = [f'| {" | ".join(cell(text) for text in line)} |' for line in [head, *lines]]
        drawn.insert(1, '|' + '---|' * len(head))
        return '\n'.join(
            ['# Does the encoder help?', '', *drawn, '', *(f'- {cell(sentence)}' for sentence in self.sentences()), '', NOTE, '']
        )

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        compared = [
            {'encoder': encoder, 'column': column, 'against': against.removeprefix('over '), 'mean': one.mean, 'half_width': one.half}
            | {'seeds': one.seeds, 'pictures': one.pictures, 'verdict': one.verdict}
            for encoder, column, several in self.comparisons()
            for against, one in several
        ]
        found = super().plain()
        return {'version': VERSION, **found, 'comparisons': compared, 'sentences': self.sentences()}

    def save(self, path: Path) -> None:
        """Write the record; it is whole or as it was."""
        content = json.dumps(without_nan(self.plain()), indent=1) + '\n'
        write_whole(path, lambda temporary: temporary.write_text(content, encoding='utf-8'))


NOTE = (
    'Mean difference ± half the 95 % interval, over seeds and pictures, which are paired. The pictures were not trained on; none is a test '
    'picture. Each sentence stands by itself: of twenty about nothing, one says something.'
)


def _interval(found: Difference) -> str:
    return decimals(found.mean) + ('' if found.half is None else f' ± {decimals(found.half)}')


def rows_fit(value: Any, where: str, problems: Problems) -> bool:
    """Whether these are rows of a probe."""
    for key in ('encoder', 'kind', 'column', 'picture', 'seed'):
        wrong = isinstance(value, list) and [
            row for row in value if not (isinstance(row, dict) and isinstance(row.get(key), int if key == 'seed' else str))
        ]
        if not isinstance(value, list) or wrong:
            problems.add(where, value, f'a list of rows with {key}')
            return False
    return rows([{**{k: v for k, v in row.items() if k in (*COMPARED, 'picture')}} for row in value], where, problems) is not None


def load_probe(path: Path | str) -> Probe:
    """Read a ``probe.json``; what is drawn from the figures is drawn anew.

    Raises:
        DataError: If it is none, or of a later version.
    """
    found = read_json(path)
    version = found.get('version') if isinstance(found, dict) else None
    if type(version) is not int or not 1 <= version <= VERSION:
        raise DataError(f'{path} is no probe.json of tools/probe_encoder.py: version is {str(version)[:60]}, 1 to {VERSION} was expected')
    problems = Problems()
    probe = Probe.read({key: value for key, value in found.items() if key not in ('version', 'comparisons', 'sentences')}, '', problems)
    if problems:
        raise DataError(f'{path} is no probe.json of tools/probe_encoder.py: {problems}')
    return probe

"""The table of what was trained on which pictures and tested on which."""

from collections.abc import Iterable

from .cells import Row, choice_of, encoder_of, joined, method_of, pictures_of, spread, table, threshold_of
from .record import Results

STRANGE = '†'  # behind the figures of a camera that was not trained on
ABOUT = ('method', 'trained on', 'encoder', 'seeds', 'threshold')


def other_cameras(results: Results) -> bool:
    """Whether no set of the tested pictures was trained on, as far as the record says what was."""
    trained = results.trained.data.sets
    return bool(trained) and not set(trained) & set(results.data.sets)


def matrix(found: Iterable[Results]) -> list[str]:
    """A row for each method and the sets that it was trained on, a column for each set it was tested on: Dice and AUC-ROC.

    Of methods alone that were tested on another set than they were trained on.  Pictures that were trained on are no test of it and have
    no figure.

    Args:
        found (Iterable[Results]): Of any tests; seeds are put together.

    Returns:
        list[str]: Lines of Markdown with a headline, after an empty one; none if there is no such method.
    """
    known = [one for one in found if one.trained.data.sets and one.data.sets and not one.seen_in_training]
    crossed = {_method(one) for one in known if one.trained.data.sets != one.data.sets}
    rows: dict[tuple[str, ...], dict[str, list[Results]]] = {}
    for one in (one for one in known if _method(one) in crossed):
        key = (*_method(one), pictures_of(one.trained.data), choice_of(one))
        rows.setdefault(key, {}).setdefault(pictures_of(one.data), []).append(one)
    if not rows:
        return []
    tested = sorted({name for row in rows.values() for name in row})
    order = sorted(rows, key=lambda key: (key[:2], key[2].count('+'), key[2:]))
    lines = table([_cells(rows[key]) for key in order], (*ABOUT, *tested))
    note = f'Dice / AUC-ROC. {STRANGE}: pictures of a camera that was not trained on.'
    return ['', '### Trained on x tested on', '', note, '', *lines]


def _method(results: Results) -> tuple[str, str]:
    return method_of(results), encoder_of(results)


def _cells(row: dict[str, list[Results]]) -> Row:
    every = [one for group in row.values() for one in group]
    return {
        'method': method_of(every[0]),
        'trained on': pictures_of(every[0].trained.data),
        'encoder': encoder_of(every[0]),
        'seeds': joined(sorted({str(one.trained.seed) for one in every if one.trained.seed is not None})),
        'threshold': joined(threshold_of(one) for one in every),
        **{name: _figures(group) for name, group in row.items()},
    }


def _figures(group: list[Results]) -> str:
    pooled = [one.report.inside.pooled for one in group]
    text = ' / '.join(filter(None, (spread([figures.get(name) for figures in pooled]) for name in ('Dice', 'AUC-ROC'))))
    return f'{text} {STRANGE}' if text and other_cameras(group[0]) else text

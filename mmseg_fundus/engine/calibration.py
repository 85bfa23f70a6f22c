"""What a calibration is fitted on: the scores in the records of tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..results import load
from ..results.cells import method_of


def scores_of(paths: Sequence[Path]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Read the scores of tests.

    Args:
        paths (list[Path]): Of ``results.json`` files.

    Returns:
        tuple[list[dict], list[dict]]: What each was measured on, and its :func:`.recalibration.log_odds_counts`.

    Raises:
        DataError: If a file is no test, lacks the scores, was made with a calibrated checkpoint or on pictures of its training, or is
            given twice.
    """
    on, counts = [], []
    for path in paths:
        results = load(path)
        scores = results.report.curves.log_odds
        told = f'{path} cannot be calibrated on: '
        if results.phase != 'test':
            raise DataError(f'{told}it is of phase {results.phase!r}, the results of tools/test.py were expected')
        if not scores.vessels or len(scores.vessels) != len(scores.background) or not scores.step or scores.first is None:
            raise DataError(f'{told}it holds no scores (report.curves.log_odds); test the checkpoint again with this version')
        if results.seen_in_training is None or results.seen_in_training:
            seen = 'it is not known whether' if results.seen_in_training is None else f'{len(results.seen_in_training)} of'
            raise DataError(f'{told}{seen} its pictures were in the training of its checkpoint; test one that never saw them')
        if results.calibration:
            raise DataError(f'{told}its checkpoint was calibrated already; test the one that the training wrote')
        data = results.data
        on.append(
            {
                'data': data.short_name,
                'split': data.split,
                'pictures': data.pictures,
                'method': method_of(results),
                'trained_on': results.trained.data.short_name,
                'files': sorted(results.files or {}),
            }
        )
        counts.append(dict(first=scores.first, step=scores.step, background=scores.background, vessels=scores.vessels))
    twice = [str(path) for i, path in enumerate(paths) if counts[i] in counts[:i]]
    if twice:
        raise DataError(f'{twice[0]} holds the scores of another of the files; give each test once')
    return on, counts

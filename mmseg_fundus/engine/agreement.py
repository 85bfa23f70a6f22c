"""Which measures of a model's predictions agree with those of labels: kept with its checkpoint, and told beside its predictions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.runner import Runner

from ..errors import ConfigError
from ..evaluation.agreement import GRADES, POOR
from ..evaluation.report import FOV
from ..models.checkpoints import store_meta
from ..results import described, without_nan

KEY = 'agreement'  # in a checkpoint's meta
NOT_KNOWN = 'not known: no agreement is stored with the checkpoint (tools/test.py --store-agreement)'


def store_agreement(checkpoint: str | Path, runner: Runner) -> None:
    """Keep the agreement of measures that a test found with the checkpoint it tested; the file is whole or as it was.

    Args:
        checkpoint (str | Path): Rewritten with ``meta['agreement']``: ICC and grade of each measure, and the pictures they are of.
        runner (Runner): After its test.

    Raises:
        ConfigError: If the test measured nothing.
    """
    reports = [getattr(metric, 'report', None) or {} for metric in runner.test_evaluator.metrics]
    found = next((report[FOV][KEY] for report in reports if report.get(FOV, {}).get(KEY)), None)
    if found is None:
        raise ConfigError('--store-agreement: the test measured nothing; its test_evaluator needs a VesselMetric with detail=True')
    dataset = runner.test_dataloader.dataset
    about = described(dataset)
    kept = {
        **{key: about.get(key) for key in ('class', 'split')},
        'pictures': len(dataset),
        'measures': {name: {'icc': one['icc'], 'grade': one['grade']} for name, one in found.items()},
    }
    store_meta(checkpoint, KEY, without_nan(kept))


def agreement_note(meta: Mapping[str, Any]) -> str:
    """What is known of the measures of a checkpoint's predictions: their names by grade, best first, and the pictures it was found on."""
    stored = meta.get(KEY)
    stored = stored if isinstance(stored, Mapping) else {}
    measures = stored.get('measures')
    if not isinstance(measures, Mapping):
        return NOT_KNOWN
    grades: dict[str, list[str]] = {word: [] for word in (*(word for _, word in GRADES), POOR)}
    for name, one in measures.items():
        word = one.get('grade') if isinstance(one, Mapping) else None
        if word in grades:
            grades[word].append(str(name))
    told = '; '.join(f'{word}: {", ".join(names)}' for word, names in grades.items() if names)
    return f'{told} (agreement with labels on {stored.get("pictures")} pictures of {stored.get("class")}, {stored.get("split")})'

"""The parts of a report as HTML, of what was gathered and a template each; each is '' or a sentence where there is nothing to show."""

import json
from typing import Any

from markupsafe import Markup

from ..evaluation.scores import NAMES
from ..evaluation.topology import WIDTHS
from ..results import Chosen, DataSet, Weights
from .charts import Line, Mark, line_chart
from .frame import joined, render
from .gather import Gathered, test_command
from .training import steps_per_epoch, thinned
from .uncertainty import risk_chart
from .values import cell, number, points, shown

HEADLINE = ('Dice', 'AUC-ROC', 'AUC-PR', 'Sensitivity', 'Specificity', 'clDice')
ROWS = 1000  # pictures in the table


def figures(gathered: Gathered) -> Markup:
    """Headline figures and the table of all: pooled, mean and deviation over pictures, unmasked, second observer."""
    results, inside = gathered.results, gathered.results.report.inside
    pooled = inside.pooled or results.metrics
    columns = {
        'Pooled': pooled,
        'Mean': inside.mean,
        'SD': inside.sd,
        'Whole frame': results.report.whole.pooled,
        'Second observer': results.second_observer.inside.pooled if results.second_observer else {},
    }
    columns = {title: column for title, column in columns.items() if any(number(column.get(figure)) is not None for figure in NAMES)}
    untested = ('There is no test yet:', test_command(gathered))
    if not columns:
        others = [(figure, [shown(value)]) for figure, value in results.metrics.items() if number(value) is not None]
        advice = ('These results hold no figures of VesselMetric. A test with it makes them:', test_command(gathered))
        return render('figures.html', columns=[], cards=[], rows=others, advice=advice, told='', choice='', widths=[], betti=[])
    told = ['Pooled: over all pixels in the field of view of all pictures.']
    if 'Mean' in columns:
        told.append('Mean, SD: over pictures (population standard deviation).')
    if 'Whole frame' in columns:
        told.append('Whole frame: pooled and unmasked, for comparison with those who count it.')
    told.append(f'A pixel is vessel above probability {_threshold(gathered):g}.')
    bounds = {figure: value for figure, value in inside.bounds.items() if number(value) is not None}
    if bounds:
        told.append(
            f'Counting scores in bins moves {" and ".join(f"{figure} by at most {value:.0e}" for figure, value in bounds.items())}.'
        )
    validated = results.phase == 'val'
    if validated:
        told = [f'Validation after epoch {results.epoch}, pooled over all pixels in the field of view.']
    known = [figure for figure in NAMES if any(number(column.get(figure)) is not None for column in columns.values())]
    return render(
        'figures.html',
        columns=list(columns),
        cards=[(figure, shown(pooled.get(figure))) for figure in HEADLINE if number(pooled.get(figure)) is not None],
        rows=[(figure, [shown(column.get(figure)) for column in columns.values()]) for figure in known],
        advice=untested if validated else None,
        choice=threshold_choice(results.threshold_chosen_on or Chosen()),
        widths=[(name, *(shown(inside.topology.get(f'{what} {name}')) for what in ('Recall', 'Share'))) for name in WIDTHS]
        if inside.topology
        else [],
        betti=[(words, shown(inside.topology.get(f'Betti {i} error'), 1)) for i, words in enumerate(('connected parts', 'loops'))],
        told=' '.join(told),
    )


def _threshold(gathered: Gathered) -> float:
    given = number(gathered.results.prediction.threshold)
    return 0.5 if given is None else given


def threshold_choice(chosen: Chosen) -> Markup:
    """The Dice of every threshold, where one was chosen on training pictures."""
    known = [key for key in chosen.sweep if key.replace('.', '', 1).isdecimal()]
    return line_chart(
        'Choice of the threshold',
        [Line(data_line(chosen), [(float(key), chosen.sweep[key]) for key in sorted(known, key=float)])],
        'Threshold (probability)',
        'Dice, pooled',
        (0, 1),
        (0, 1),
        [Mark('chosen', chosen.threshold, chosen.dice)],
    )


def score_curves(gathered: Gathered) -> Markup:
    """ROC, precision-recall, calibration, risk and coverage."""
    results, curves = gathered.results, gathered.results.report.curves
    pooled, found = results.report.inside.pooled, curves.calibration
    at = f'threshold {_threshold(gathered):g}'
    sensitivity, specificity, precision = (number(pooled.get(figure)) for figure in ('Sensitivity', 'Specificity', 'Precision'))
    unit = (0, 1)
    charts = [
        line_chart(
            f'ROC curve, area {shown(pooled.get("AUC-ROC"))}',
            [Line('measured', points(curves.roc.fpr, curves.roc.tpr))],
            'False positive rate (1 − specificity)',
            'True positive rate (sensitivity)',
            marks=[Mark(at, None if specificity is None else 1 - specificity, sensitivity)],
            diagonal='chance',
            x_range=unit,
            y_range=unit,
        ),
        line_chart(
            f'Precision and recall, area {shown(pooled.get("AUC-PR"))}',
            [Line('measured', points(curves.pr.recall, curves.pr.precision))],
            'Recall (sensitivity)',
            'Precision',
            marks=[Mark(at, sensitivity, precision)],
            x_range=unit,
            y_range=unit,
        ),
        line_chart(
            f'Calibration, expected error {shown(found.error)}',
            [Line('pixels in ten bins of probability', points(found.probability, found.vessels), dots=True)],
            'Predicted vessel probability (mean of a bin)',
            'Share of vessel pixels',
            diagonal='perfect',
            x_range=unit,
            y_range=unit,
        ),
        risk_chart(curves.risk_coverage),
    ]
    if not results.report:
        return Markup()
    advice: tuple[str, ...] | None = None
    if not curves.roc and not curves.pr:  # of a test that the table keeps there is the calibration error alone
        advice = ('Masks have no scores, so that there are no curves: tools/evaluate_masks.py takes probability maps too.',)
        if results.phase != 'masks':
            advice = ('These results hold no curves: an older version wrote them. A test makes them:', test_command(gathered))
    return render('scores.html', advice=advice, drawn=joined(charts))


def training(gathered: Gathered) -> Markup:
    """Loss, Dice and learning rate of the training."""
    curves = gathered.training
    if not curves:
        return Markup() if gathered.results.phase == 'masks' else render('training.html', drawn=None)
    per_epoch = steps_per_epoch(curves, gathered.results.trained)
    unit = 'Epoch' if per_epoch else 'Step'

    def line(label: str, tag: str) -> Line:
        scale = per_epoch if per_epoch and tag.startswith('train/') else 1
        pairs = [(step / scale, value) for step, value in curves.get(tag, [])]
        return Line(label, thinned(pairs), dots=tag.startswith('val/') and len(pairs) <= 40)

    end = max((x for tag in ('train/loss', 'val/Dice') for x, _ in line('', tag).points if number(x) is not None), default=1)
    best = max(curves.get('val/Dice', []), key=lambda pair: pair[1], default=None)
    marks = [Mark(f'best, {best[1]:.4f} after {unit.lower()} {best[0]:g}', *best)] if best else []
    charts = [
        line_chart('Loss', [line('training', 'train/loss'), line('validation', 'val/loss')], unit, 'Loss', (0, end)),
        line_chart(
            'Vessel Dice', [line('training, a batch', 'train/Dice'), line('validation', 'val/Dice')], unit, 'Dice', (0, end), (0, 1), marks
        ),
        line_chart('Learning rate', [line('learning rate', 'train/lr')], unit, 'Learning rate', (0, end)),
    ]
    thin = any(len(pairs) > len(thinned(pairs)) for pairs in curves.values())
    return render('training.html', drawn=joined(charts), folder=gathered.training_folder, thin=thin)


def per_picture(gathered: Gathered) -> Markup:
    """The sortable table of pictures."""
    rows = gathered.results.report.pictures
    if not rows:
        return Markup()
    left_out = max(len(rows) - ROWS, 0)
    if left_out:
        rows = sorted(rows, key=lambda row: number(row.get('Dice')) or 0)[:ROWS]
    columns = [figure for figure in NAMES if any(figure in row for row in rows)]
    return render(
        'every_picture.html',
        left_out=left_out,
        heads=[('', title) for title in ('Picture', *columns)],
        rows=[(row['picture'], [cell(row.get(figure)) for figure in columns]) for row in rows],
    )


def made_from(gathered: Gathered) -> Markup:
    """Where the figures come from: checkpoint, weights, data, settings, versions; the configuration."""
    results = gathered.results
    weights, data, trained = results.weights or Weights(), results.data, results.trained
    seconds, parameters = number(trained.seconds), number(trained.trained_parameters)
    facts = {
        'Results': gathered.results_path,
        'Made': results.time,
        'Configuration': results.config,
        'Checkpoint': results.checkpoint,
        f'Ensemble of {len(trained.members)}': ', '.join(trained.members),
        'Encoder weights': weights.path,
        'SHA-256 of the weights': weights.sha256,
        'About the weights': '; '.join(weights.notes),
        'Method': results.method,
        'Source': results.source,
        'Data': data_line(data),
        'Folder': data.root,
        'Field of view': data.field_of_view,
        'Prediction': results.prediction.plain(),
        'Threshold chosen on': data_line(results.threshold_chosen_on or Chosen()),
        'Trained on': data_line(trained.data),
        'Epochs, steps': ', '.join(str(count) for count in (trained.epochs, trained.steps) if count is not None),
        'Seed': results.seed if trained.seed is None else trained.seed,
        'Trained parameters': f'{parameters:,.0f}' if parameters is not None else trained.trained_parameters,
        'Training time': f'{seconds / 60:.1f} min ({trained.device})' if seconds is not None else '',
        'Prediction time': f'{results.seconds_per_picture} s per picture ({results.device})' if results.seconds_per_picture else '',
        'Processes': results.processes,
        'Versions': ', '.join(f'{key} {value}' for key, value in results.versions.items()),
    }

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)

    return render(
        'made_from.html',
        rows={key: text(value) for key, value in facts.items() if value not in (None, '', {}, [])},
        problems=gathered.problems,
        configs=gathered.configs,
        no_config=not gathered.configs and results.phase != 'masks',
    )


def data_line(data: DataSet) -> str:
    """A data set in a line."""
    if not data.class_name:
        return ''
    words = [data.short_name, data.split, None if data.pictures is None else f'{data.pictures} pictures']
    if data.observer not in (None, 'first'):
        words.append(f'{data.observer} observer')
    if data.division:
        words.append(f'division {data.division}')
    return ', '.join(word for word in words if word)

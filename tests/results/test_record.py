"""The record of results: every kind is written and read as it was, files of any age load, and what does not fit is named."""

import copy
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg_fundus.errors import DataError
from mmseg_fundus.results import Chosen, DataSet, Prediction, Report, Results, Trained, Weights, load, read
from mmseg_fundus.results.record import KEYS, VERSION
from mmseg_fundus.results.table import load_for_table

KEPT = sorted(path.name for path in (Path(__file__).parents[2] / 'configs/results').glob('*.json'))
DATA = {'class': 'DRIVEVesselDataset', 'root': '/data/DRIVE', 'split': 'test', 'division': None, 'observer': 'first', 'pictures': 2}
AREA = {'pooled': {'Dice': 0.8, 'AUC-ROC': None}, 'mean': {'Dice': 0.7}, 'sd': {'Dice': 0.1}, 'left_out': {}, 'bounds': {'AUC-ROC': 1e-5}}
REPORT = {
    'field of view': AREA,
    'whole frame': AREA,
    'curves': {'roc': {'fpr': [0, 1], 'tpr': [0, 1]}, 'calibration': {'probability': [0.5], 'vessels': [0.4], 'pixels': [9], 'error': 0.1}},
    'pictures': [
        {'picture': 'a', 'Dice': 0.6, 'TP': 3, 'unmasked Dice': 0.5},
        {'picture': 'b', 'Dice': None, 'TP': 0, 'unmasked Dice': 0.4},
    ],
}


@pytest.fixture
def results():
    """A record of a test, as the hook makes it."""
    return Results(
        phase='test',
        metrics={'Dice': 0.8, 'mine': np.float32(98.2), 'tensor': torch.tensor([1, 2]), 'none': float('nan')},
        report=Report.of(REPORT),
        masks='masks',
        prediction=Prediction.of({'mode': 'slide', 'threshold': 0.4, 'crop_size': (64, 64)}),
        threshold_chosen_on=Chosen.of({**DATA, 'split': 'val', 'threshold': 0.4, 'Dice': 0.7, 'sweep': {'0.40': 0.7}}),
        checkpoint='best.pth',
        data=DataSet.of({**DATA, 'parts': [DATA, {'class': 'Mine'}], 'arguments': {'fov': 'auto'}}),
        trained=Trained.of({'epochs': 2, 'steps': 8, 'data': DATA, 'seed': 1, 'files': {'x': {'picture': 'ab'}}}),
        weights=Weights(path='w.pth', sha256='ab' * 32, notes=['note']),
        seen_in_training=[],
    )


@pytest.mark.parametrize('name', KEPT)
def test_files_of_every_version_load_and_are_written_as_they_were(root, tmp_path, name):
    path = root / 'configs/results' / name
    before, found = json.loads(path.read_text()), load_for_table(path)
    assert found.version == before.get('version', 0) and found.data.pictures == before['data']['pictures']
    assert found.report.inside.pooled == before['report']['field of view']['pooled']
    found.write(tmp_path / 'copy.json')
    assert (tmp_path / 'copy.json').read_text() == json.dumps(
        {**before, 'version': VERSION} if 'version' in before else {'version': VERSION, **before}, indent=2
    ) + '\n'
    assert load(tmp_path / 'copy.json').version == VERSION


@pytest.mark.parametrize('phase', ['val', 'test', 'masks'])
def test_every_kind_is_written_with_all_its_keys_and_read_again(results, tmp_path, phase):
    results.phase = phase
    if phase == 'val':
        results.report, results.masks = Report(), None
    results.save(tmp_path)
    written = json.loads((tmp_path / 'results.json').read_text())
    assert list(written)[: len(KEYS[phase]) + 1] == ['version', *KEYS[phase]] and written['version'] == VERSION
    again = load(tmp_path / 'results.json')
    assert again.plain() == written and again.phase == phase
    assert again.metrics == {'Dice': 0.8, 'mine': 98.2, 'tensor': [1, 2], 'none': None}
    assert again.data.parts[1].class_name == 'Mine' and again.prediction.other == {'mode': 'slide', 'crop_size': [64, 64]}
    assert again.trained.other == {'files': {'x': {'picture': 'ab'}}} and again.weights.notes == ['note']
    assert again.threshold_chosen_on.sweep == {'0.40': 0.7} and again.threshold_chosen_on.split == 'val'
    assert (tmp_path / 'per_picture.csv').is_file() == (phase != 'val')
    if phase != 'val':
        assert written['report'] == REPORT and again.report.curves.calibration.error == 0.1


def test_what_was_not_made_is_null_or_empty_in_the_file(tmp_path):
    Results(phase='test', metrics={'mIoU': 50.0}, data=DataSet.of({'class': 'Mine'})).save(tmp_path)
    written = json.loads((tmp_path / 'results.json').read_text())
    assert {key: value for key, value in written.items() if value} == {
        **{'version': VERSION, 'phase': 'test', 'metrics': {'mIoU': 50.0}, 'data': {'class': 'Mine'}}
    }
    assert written['threshold_chosen_on'] is written['weights'] is written['git'] is written['seen_in_training'] is None
    assert not (tmp_path / 'per_picture.csv').exists() and not load(tmp_path / 'results.json').report


def test_the_table_of_pictures_has_figures_with_six_decimals(results, tmp_path):
    results.report.pictures[1]['Dice'] = float('nan')
    results.save(tmp_path)
    rows = list(csv.reader((tmp_path / 'per_picture.csv').open()))
    assert rows == [['picture', 'Dice', 'TP', 'unmasked Dice'], ['a', '0.600000', '3', '0.500000'], ['b', 'nan', '0', '0.400000']]


def test_keys_of_somebody_elses_tools_are_kept(results, tmp_path):
    plain = results.plain()
    plain['mine'], plain['report']['mine'], plain['trained']['mine'] = {'a': [1]}, 'text', 5
    Results.of(plain).save(tmp_path)
    written = json.loads((tmp_path / 'results.json').read_text())
    assert (written['mine'], written['report']['mine'], written['trained']['mine']) == ({'a': [1]}, 'text', 5)
    found = load(tmp_path / 'results.json')
    found.masks = 'elsewhere'
    found.save(tmp_path)
    assert json.loads((tmp_path / 'results.json').read_text()) == {**written, 'masks': 'elsewhere'}


@pytest.mark.parametrize(
    'place, value, words',
    [
        ('phase', ['x'], 'phase is a list, a text was expected'),
        ('metrics', [1], 'metrics is a list, an object was expected'),
        ('report', 'x', "report is 'x', an object was expected"),
        ('report.field of view', 3, "report.field of view is '3', an object was expected"),
        ('report.field of view.pooled.Dice', 'abc', "report.field of view.pooled.Dice is 'abc', a number was expected"),
        ('report.field of view.pooled.Dice', 10**400, "report.field of view.pooled.Dice is '1000"),
        ('report.field of view.pooled.Dice', True, "report.field of view.pooled.Dice is 'True', a number"),
        ('report.pictures', 5, "report.pictures is '5', a list was expected"),
        ('report.pictures', [{'Dice': 0.5}], r"report.pictures\[0\].picture is 'None', a text was expected"),
        ('report.pictures', [{'picture': 'a', 'Dice': [1]}, 7], r'report.pictures\[0\].Dice is a list, .*; report.pictures\[1\] is '),
        ('report.curves', [1], 'report.curves is a list, an object was expected'),
        ('report.curves.roc.fpr', [0, 'x'], r"report.curves.roc.fpr\[1\] is 'x', a number was expected"),
        ('data', 7, "data is '7', an object was expected"),
        ('data.class', 5, "data.class is '5', a text was expected"),
        ('data.parts', [7], r"data.parts\[0\] is '7', an object was expected"),
        ('trained', [1], 'trained is a list, an object was expected'),
        ('weights.notes', 'x', "weights.notes is 'x', a list was expected"),
        ('prediction.threshold', '0.5', "prediction.threshold is '0.5', a number was expected"),
        ('seen_in_training', {}, 'seen_in_training is an object, a list was expected'),
        ('files', [], 'files is a list, an object was expected'),
    ],
)
def test_what_does_not_fit_is_named_and_the_rest_can_be_read(results, tmp_path, place, value, words):
    results.metrics = {'Dice': 0.8}
    plain = copy.deepcopy(results.plain())
    *outer, last = place.split('.')
    inner = plain
    for key in outer:
        inner = inner[key]
    inner[last] = value
    path = tmp_path / 'bad.json'
    path.write_text(json.dumps(plain))
    with pytest.raises(DataError, match=f'bad.json is no results.json of tools/test.py, .*: {words}') as told:
        load(path)
    assert len(str(told.value)) < 500
    found, problems = read(path)
    assert problems and found.masks == 'masks'
    found.write(tmp_path / 'again.json')
    assert json.loads((tmp_path / 'again.json').read_text()) == json.loads(path.read_text()), 'nothing is lost'


def test_a_thousand_faults_are_a_few_lines(results, tmp_path):
    plain = results.plain()
    plain['report']['pictures'] = [7] * 1000
    Results.of(plain).write(tmp_path / 'bad.json')
    with pytest.raises(DataError, match='and 997 more$'):
        load(tmp_path / 'bad.json')


@pytest.mark.parametrize(
    'version, words',
    [
        (VERSION + 1, f'is of version {VERSION + 1} of results.json; this mmseg_fundus reads versions up to {VERSION}. Update it'),
        *((version, 'a number from 0 to 1 was expected') for version in (-1, '1', True, None, 1.0, [1])),
    ],
)
def test_a_version_that_is_not_known_is_refused(tmp_path, version, words):
    (tmp_path / 'results.json').write_text(json.dumps({'version': version, 'metrics': {'Dice': 0.5}}))
    for function in (load, read):
        with pytest.raises(DataError, match=words):
            function(tmp_path / 'results.json')


@pytest.mark.parametrize('content', ['', '{', '[1]', '{}', '{"metrics": {}}', '{"report": [1]}', '{"metrics": {}, "report": {}}', '\0'])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    (tmp_path / 'results.json').write_text(content)
    with pytest.raises(DataError, match='results.json is no results.json'):
        read(tmp_path / 'results.json')

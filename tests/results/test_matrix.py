"""Who was trained on what and tested on what, from results that say so."""

import json

import pytest

from mmseg_fundus.results import DataSet, table

CLASSES = {'DRIVE': 'DRIVEVesselDataset', 'STARE': 'STAREVesselDataset', 'CHASE_DB1': 'ChaseDB1VesselDataset'}


def data(*names, split='test', pictures=4):
    parts = [{'class': CLASSES[name], 'split': split, 'field_of_view': 'found', 'pictures': pictures} for name in names]
    several = {'class': 'FundusVessels', 'split': split, 'field_of_view': 'found', 'pictures': pictures * len(parts), 'parts': parts}
    return parts[0] if len(parts) == 1 else several


def results(folder, trained, tested, dice, seed=1, members=(), **more):
    figures = {'Dice': dice, 'AUC-ROC': 0.98}
    report = {'field of view': {'pooled': figures}, 'curves': {'roc': {'fpr': [0]}, 'calibration': {'pixels': [1], 'error': 0.0125}}}
    training = dict(seed=seed, data=trained, **(dict(members=list(members)) if members else {}))
    found = dict(config='configs/net.py', data=tested, metrics=figures, report=report, trained=training, **more)
    path = folder / 'results.json'
    path.write_text(json.dumps(found))
    return table.add(path, folder / 'kept')


@pytest.mark.parametrize(
    'found, name',
    [
        (data('CHASE_DB1'), 'CHASE_DB1'),
        (data('DRIVE', 'STARE', 'CHASE_DB1'), 'DRIVE+STARE+CHASE_DB1'),
        ({'class': 'ConcatDataset', 'parts': [data('DRIVE'), data('DRIVE', 'STARE')]}, 'DRIVE+STARE'),
        ({'class': 'Mine'}, 'Mine'),
        ({'class': 'FundusVesselDataset'}, 'Fundus'),
        ({}, ''),
    ],
)
def test_a_data_set_is_called_by_all_that_it_is_made_of(found, name):
    assert DataSet.of(found).short_name == name


def test_a_camera_that_was_left_out_is_marked_and_seeds_are_one_cell(tmp_path):
    others = data('STARE', 'CHASE_DB1', split='trainval')
    names = [results(tmp_path, others, data('DRIVE'), dice, seed).name for seed, dice in ((1, 0.80), (2, 0.82))]
    assert names == ['net_DRIVE_from_STARE_CHASE_DB1_seed1.json', 'net_DRIVE_from_STARE_CHASE_DB1_seed2.json']
    results(tmp_path, others, data('STARE'), 0.85)
    results(tmp_path, data('DRIVE', split='trainval'), data('DRIVE'), 0.83)
    text = table.tables(tmp_path / 'kept').split('### Trained on x tested on')[1]
    head, _, alone, both = [line for line in text.splitlines() if line.startswith('|')]
    assert head == '| method | trained on | seeds | threshold | DRIVE test, 4 | STARE test, 4 |'
    assert alone == '| net | DRIVE trainval, 4 | 1 | 0.5 | .8300 / .9800 |  |'
    assert both == '| net | STARE+CHASE_DB1 trainval, 8 | 1, 2 | 0.5 | .8100 ± .0141 / .9800 ± .0000 † | .8500 / .9800 |'


def test_an_ensemble_is_a_row_of_its_own_and_no_seed_of_its_members(tmp_path):
    drive = data('DRIVE', split='trainval')
    for seed, dice in ((1, 0.80), (2, 0.82)):
        results(tmp_path, drive, data('DRIVE'), dice, seed)
    results(tmp_path, drive, data('DRIVE'), 0.84, '1, 2', members=('a.pth', 'b.pth'))
    text = table.tables(tmp_path / 'kept')
    assert '.8100 ± .0141' in text and '| net, ensemble of 2 |' in text and '.8400' in text


def test_a_calibrated_threshold_is_another_row_than_one_chosen_on_the_same_half(tmp_path):
    trained, chosen = data('DRIVE', split='trainval'), {'class': 'DRIVEVesselDataset', 'split': 'trainval', 'threshold': 0.4}
    on = {'class': 'STARE, HRF', 'split': 'trainval', 'threshold': 0.3}
    kept = {
        results(tmp_path, trained, data('DRIVE'), 0.80),
        results(tmp_path, trained, data('DRIVE'), 0.81, threshold_chosen_on=chosen, prediction={'threshold': 0.4}),
        results(tmp_path, trained, data('DRIVE'), 0.82, threshold_chosen_on=on, prediction={'threshold': 0.3}, calibration={'scale': 1.1}),
    }
    assert len(kept) == 3
    text = table.tables(tmp_path / 'kept')
    for threshold, dice in (('0.5', '.8000'), ('0.4, chosen on trainval', '.8100'), ('0.3, calibrated on STARE, HRF trainval', '.8200')):
        assert f'| {threshold} | {dice} |' in text


def test_the_training_pictures_of_a_camera_that_was_left_out_are_a_test_and_no_ablation(tmp_path):
    results(tmp_path, data('STARE', 'CHASE_DB1', split='trainval'), data('DRIVE', split='trainval'), 0.7)
    text = table.tables(tmp_path / 'kept')
    assert 'Ablation' not in text and '| DRIVE trainval, 4 |' in text and '| .7000 / .9800 † |' in text


def test_pictures_that_were_trained_on_have_no_figure_there(tmp_path):
    results(tmp_path, data('DRIVE', split='trainval'), data('STARE'), 0.7)
    results(tmp_path, data('DRIVE', split='trainval'), data('DRIVE'), 0.99, seen_in_training=['21_training'])
    assert '.9900' not in table.tables(tmp_path / 'kept').split('### Trained on x tested on')[1]


def test_a_method_that_met_its_own_camera_alone_needs_no_matrix(tmp_path):
    results(tmp_path, data('DRIVE', split='trainval'), data('DRIVE'), 0.8)
    assert 'Trained on x' not in table.tables(tmp_path / 'kept')


def test_the_calibration_error_is_kept_and_shown_where_curves_are_dropped(tmp_path):
    kept = results(tmp_path, data('DRIVE', split='trainval'), data('DRIVE'), 0.8)
    assert json.loads(kept.read_text())['report']['curves'] == {'calibration': {'error': 0.0125}}
    head, _, row = table.tables(tmp_path / 'kept').splitlines()
    assert dict(zip(head.strip('| ').split(' | '), row.strip('| ').split(' | ')))['ECE'] == '.0125'


def test_configs_without_results_are_one_line_below_the_table(tmp_path):
    (tmp_path / 'configs').mkdir()
    for name in ('net', 'b', 'a', 'quickstart'):
        (tmp_path / f'configs/{name}.py').touch()
    (tmp_path / 'kept').mkdir()
    assert table.tables(tmp_path / 'kept', tmp_path / 'configs').splitlines() == ['', 'Not run here: a, b, net.']
    results(tmp_path, data('DRIVE', split='trainval'), data('DRIVE'), 0.8)
    lines = table.tables(tmp_path / 'kept', tmp_path / 'configs').splitlines()
    assert len(lines) == 5 and lines[3:] == ['', 'Not run here: a, b.']

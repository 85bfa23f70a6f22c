"""The table of results, of files that somebody else wrote."""

import json
import re

import pytest

from mmseg_fundus.errors import DataError
from mmseg_fundus.results import table


def results_like(root, **values):
    kept = json.loads((root / 'configs/results/lwnet_DRIVE.json').read_text())
    for key, value in values.items():
        *before, last = key.split('__')
        inner = kept
        for name in before:
            inner = inner[name]
        inner[last] = value
    return kept


@pytest.mark.parametrize(
    'values',
    [
        dict(data__class=5),
        dict(data__class=None),
        dict(data__pictures=None),
        dict(weights=[1]),
        dict(trained=[1]),
        dict(trained={'data': 5}),
        dict(config=5),
        dict(threshold_chosen_on='abc'),
        dict(prediction={'threshold': '0.5'}),
        dict(report={'field of view': {'pooled': {'Dice': 'abc'}}}),
        dict(report={'field of view': {'pooled': [1]}}),
        dict(report={'field of view': 1}),
        dict(report={'field of view': {'pooled': {'Dice': 10**400}}}),
    ],
)
def test_results_of_another_kind_are_not_taken_into_the_table(root, tmp_path, values):
    (tmp_path / 'bad.json').write_text(json.dumps(results_like(root, **values)))
    with pytest.raises(DataError, match='bad.json is no results.json of tools/test.py'):
        table.add(tmp_path / 'bad.json', tmp_path / 'kept')
    assert not (tmp_path / 'kept').exists()


def test_what_results_say_makes_neither_folders_nor_markup(root, tmp_path):
    names = dict(method='../../<img src=x onerror=alert(1)>|', data__class='x/../../y\n\n| [pwn](http://x) |', trained__seed='/../z')
    (tmp_path / 'new.json').write_text(json.dumps(results_like(root, **names, report__mean=None)))
    kept = table.add(tmp_path / 'new.json', tmp_path / 'deep/kept')
    assert kept.parent == tmp_path / 'deep/kept' and kept.is_file() and not kept.name.startswith('.')
    lines = [line for line in table.tables(tmp_path / 'deep/kept').splitlines() if line.startswith('|')]
    assert len(lines) == 6  # of the table, and of what was trained on what
    for head, row in ((lines[0], lines[2]), (lines[3], lines[5])):
        assert len(re.findall(r'(?<!\\)\|', row)) == len(re.findall(r'(?<!\\)\|', head))
        assert '\\<img' in row and not re.search(r'(?<!\\)[<\[]', head + row)


def test_deep_results_are_a_line(tmp_path):
    (tmp_path / 'deep.json').write_text('[' * 200_000)
    with pytest.raises(DataError, match='deep.json is no results.json .*RecursionError'):
        table.load_for_table(tmp_path / 'deep.json')


@pytest.mark.parametrize(
    'values, missing',
    [
        (dict(data={'class': 'Mine'}), 'data.split'),
        (dict(data__field_of_view=None), 'data.field_of_view'),
        (dict(trained={'data': {'class': 'Mine'}}), 'trained.data.split'),
        (dict(weights={'path': 'x.pth'}), 'weights.sha256'),
        (dict(threshold_chosen_on={'threshold': 0.4}), 'threshold_chosen_on.split'),
        (dict(report={'whole frame': {'pooled': {'Dice': 0.5}}}), 'the pooled figures of the field of view'),
        (dict(second_observer={'whole frame': {}}), 'the pooled figures of the second observer'),
    ],
)
def test_what_the_table_lacks_is_named(root, tmp_path, values, missing):
    (tmp_path / 'few.json').write_text(json.dumps(results_like(root, **values)))
    with pytest.raises(DataError, match=f'few.json is no results.json .*: {missing} is missing'):
        table.load_for_table(tmp_path / 'few.json')


def test_a_file_that_is_added_loses_what_says_nothing_elsewhere_and_no_more(root, tmp_path):
    given = results_like(root, checkpoint='/somewhere/best.pth', config_text='x = 1', of_mine={'kept': ['/a/b']})
    given['report']['curves'] = {'roc': {'fpr': [0], 'tpr': [0]}}
    (tmp_path / 'new.json').write_text(json.dumps(given))
    kept = json.loads(table.add(tmp_path / 'new.json', tmp_path / 'kept').read_text())
    del given['report']['curves'], given['config_text']
    assert kept == {'version': 1, **given, 'checkpoint': 'best.pth', 'of_mine': {'kept': ['b']}}


def test_the_second_observer_is_one_row_beside_all_that_were_tested_there(root, tmp_path):
    figures = json.loads((root / 'configs/results/second_observer_DRIVE.json').read_text())['second_observer']
    for seed in (1, 2):
        kept = json.loads((root / f'configs/results/contrast_unet_drive_DRIVE_seed{seed}.json').read_text())
        (tmp_path / f'seed{seed}.json').write_text(json.dumps({**kept, 'second_observer': figures}))
    (tmp_path / 'lwnet.json').write_text(json.dumps(results_like(root, second_observer=figures)))
    lines = table.tables(tmp_path).splitlines()
    rows = [line for line in lines if line.startswith('| second observer')]
    assert len(rows) == 1 and '| .7891 |' in rows[0] and '±' not in rows[0].replace('.7881 ± .0200', ''), rows

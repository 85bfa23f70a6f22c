"""What of a config differs from what a checkpoint notes."""

import pytest

from mmseg_fundus.engine.settings import changed_settings, flat_settings

OLD = dict(train_cfg=dict(max_epochs=2), pipeline=[dict(type='A', size=(2, 3)), dict(type='B')], work_dir='x', empty={}, betas=(0.9, 0.99))


def test_settings_are_named_by_their_way_through_the_config():
    assert flat_settings(OLD) == {
        'train_cfg.max_epochs': '2',
        'pipeline.0.type': 'A',
        'pipeline.0.size': '(2, 3)',
        'pipeline.1.type': 'B',
        'work_dir': 'x',
        'empty': '{}',
        'betas': '(0.9, 0.99)',
    }


def test_what_differs_is_said_and_where_it_is_written_is_not():
    new = dict(OLD, train_cfg=dict(max_epochs=4), pipeline=OLD['pipeline'][:1], work_dir='y', loss='ce')
    assert changed_settings(flat_settings(new), flat_settings(OLD)) == (
        'train_cfg.max_epochs 2 -> 4; loss (none) -> ce; pipeline.1.type B -> (none)'
    )
    assert changed_settings(flat_settings(OLD), flat_settings(OLD)) == ''


@pytest.mark.parametrize('old', [None, 'x', [1], {1: 'a'}, {'a': 1}, {str(i): '' for i in range(5001)}])
def test_what_no_checkpoint_of_ours_notes_is_passed_over(old):
    assert changed_settings({'a': '1'}, old) == ''


def test_what_would_steer_a_terminal_is_spelt_out_and_much_is_cut():
    said = changed_settings({}, {f'\x1b[{i}m' + 'x' * 500: 'y' * 500 for i in range(20)})
    assert said.isprintable() and said.endswith('; and 12 more') and len(said) < 8 * 300

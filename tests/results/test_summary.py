"""A page names the results that its short table shows."""

import shutil

import pytest

from mmseg_fundus.errors import ConfigError
from mmseg_fundus.results.summary import with_summary, write_summary

PAGE = 'before\n<!-- results of {}: made by tools/results_table.py, do not edit -->\nold\n<!-- end of results -->\nafter\n'


@pytest.fixture
def page(tmp_path):
    def write(names):
        path = tmp_path / 'page.md'
        path.write_text(PAGE.format(names))
        return path

    return write


@pytest.fixture
def folder(root, tmp_path):
    for name in ('second_observer_DRIVE', *(f'contrast_unet_drive_DRIVE_seed{seed}' for seed in (1, 2, 3))):
        shutil.copy(root / f'configs/results/{name}.json', tmp_path)
    return tmp_path


def test_rows_stand_in_the_order_of_the_names_and_seeds_are_one_row(page, folder):
    path = page('contrast_unet_drive_DRIVE_seed? second_observer_DRIVE')
    write_summary(path, folder)
    before, begin, head, line, *rows, end, after = path.read_text().splitlines()
    assert (before, end, after) == ('before', '<!-- end of results -->', 'after') and 'old' not in rows
    assert [row.split(' | ')[0] for row in rows] == ['| contrast_unet_drive', '| second observer'] and ' ± ' in rows[0]
    assert with_summary(path, folder) == path.read_text()


def test_a_result_that_is_missing_is_named(page, folder):
    with pytest.raises(ConfigError, match='shows the results of lwnet_DRIVE, which .* has not'):
        with_summary(page('second_observer_DRIVE lwnet_DRIVE'), folder)


def test_a_page_without_the_line_is_named(folder):
    path = folder / 'other.md'
    path.write_text('nothing')
    with pytest.raises(ConfigError, match='other.md lacks the lines'):
        with_summary(path, folder)

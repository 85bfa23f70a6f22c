"""The harness, on some quick rows; tests/compatibility/run.py tries all of them, which takes minutes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import rows  # noqa: E402, F401 (registers them)
from columns import PAGE, kept, text  # noqa: E402
from habits import ROWS, Row, judge  # noqa: E402
from trial import Shared, same  # noqa: E402

QUICK = ['reduce_zero_label=True', 'indices=N: only some pictures', '--epochs with a schedule that fixes its end']


@pytest.fixture(scope='module')
def shared(tmp_path_factory, zygote):
    shared = Shared(tmp_path_factory.mktemp('shared'), zygote)
    yield shared
    shared.close()


@pytest.mark.parametrize('name', QUICK)
def test_a_row_comes_out_as_it_should(name, shared):
    found = judge(ROWS[name], shared, 120)
    assert found.verdict == ('works' if ROWS[name].refused is None else 'refused'), found.line


def test_a_wrong_value_a_traceback_and_a_missing_refusal_fail(shared):
    def verdict(name, attempt, refused=None):
        return judge(Row('kind', name, 'looked at', refused, attempt), shared, 60)

    def script(trial, code, check):
        (trial.folder / 'script.py').write_text(code)
        return trial.start(trial.folder / 'script.py', check=check)

    wrong = verdict('a wrong value', lambda trial: same(1, 2, 'counted'))
    assert wrong[1:3] == ('FAILS', 'counted: 1 where 2 was expected')
    assert verdict('a traceback', lambda trial: script(trial, '1 / 0', True)).verdict == 'FAILS'
    assert verdict('a traceback in place of a refusal', lambda trial: script(trial, '1 / 0', False), '').verdict == 'FAILS'
    assert verdict('no refusal', lambda trial: script(trial, 'print(1)', False), '').verdict == 'FAILS'
    (shared.folder / 'slow.py').write_text('import time; time.sleep(60)')
    slow = judge(Row('kind', 'a command that hangs', '', None, lambda trial: trial.start(shared.folder / 'slow.py')), shared, 2)
    assert slow.verdict == 'FAILS' and 'timed out' in slow.line
    other = verdict('another refusal', lambda trial: trial.tool('train', 'missing.py', check=False), 'never said')
    assert other.verdict == 'FAILS' and 'config file not found: FOLDER/missing.py' in other.line


def test_the_page_is_what_the_kept_verdicts_say():
    assert PAGE.read_text() == text()
    columns = kept()
    assert 'onedl' in columns
    for column in columns.values():
        assert list(column['rows']) == list(ROWS)
        assert {found['verdict'] for found in column['rows'].values()} == {'works', 'refused'}

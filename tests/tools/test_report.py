"""tools/report.py as a user calls it, on what the other tools wrote."""

import json
import runpy
import shutil
import sys

import pytest


@pytest.fixture
def call(root, tmp_path, monkeypatch, capsys):
    """Run a tool in this process; returns its exit status and what it wrote."""

    def run(tool, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', [f'{tool}.py', *map(str, arguments)])
        monkeypatch.syspath_prepend(str(root / 'tools'))
        capsys.readouterr()
        try:
            runpy.run_path(str(root / 'tools' / f'{tool}.py'), run_name='__main__')
            status = 0
        except SystemExit as stop:
            status = stop.code
        written = capsys.readouterr()
        return status, written.out + written.err

    return run


def test_a_test_and_somebody_elses_masks_become_pages(shell, call, root, tiny_config, drive_like, tmp_path):
    config = tiny_config("train_cfg['max_epochs'] = 1")
    assert shell(sys.executable, root / 'tools/train.py', config, '--work-dir', 'run').returncode == 0
    assert call('report', 'run')[0] == 0
    assert 'There is no test yet' in (tmp_path / 'run/report.html').read_text()

    done = shell(sys.executable, root / 'tools/test.py', config, 'run/epoch_1.pth', '--work-dir', 'run/test')
    assert done.returncode == 0, done.stdout
    results = json.loads((tmp_path / 'run/test/results.json').read_text())
    assert results['masks'] == 'masks' and len(list((tmp_path / 'run/test/masks').glob('*.png'))) == 3
    assert results['report']['curves'].keys() == {'roc', 'pr', 'calibration', 'log_odds', 'risk_coverage'}
    assert results['data']['root'] == str(drive_like)

    status, told = call('report', 'run')
    assert status == 0 and told.startswith('run/test/report.html (0.') and len(told.splitlines()) == 1, 'nothing is missing'
    page = (tmp_path / 'run/test/report.html').read_text()
    for words in ('ROC curve, area', 'Vessel Dice', 'type="range"', '>Epoch<', results['weights']['sha256'], 'max_epochs=1'):
        assert words in page
    assert 'class="missing"' not in page

    shutil.move(tmp_path / 'run', tmp_path / 'moved')
    assert call('report', 'moved/test/results.json', '-o', 'new folder/it.html', '--pictures', 1)[0] == 0
    assert (tmp_path / 'new folder/it.html').read_text().count('type="range"') == 2

    assert call('evaluate_masks', 'moved/test/masks', 'DRIVE', '--data-root', drive_like, '--out', 'scores')[0] == 0
    assert call('report', 'scores')[0] == 0
    page = (tmp_path / 'scores/report.html').read_text()
    assert page.count('type="range"') == 3 and 'Masks have no scores' in page

    (tmp_path / 'README.md').write_text('<!-- results: made by tools/results_table.py, do not edit -->\n<!-- end of results -->\n')
    assert call('results_table', '--results', 'kept', '--readme', 'README.md', '--add', 'moved/test/results.json')[0] == 0
    kept = next((tmp_path / 'kept').iterdir())
    assert json.loads(kept.read_text())['report']['curves'].keys() == {'calibration'}
    assert call('report', kept)[0] == 0
    assert 'hold no curves' in (tmp_path / 'kept/report.html').read_text()


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['nowhere'], 'nowhere is not there; name a work folder or a results.json'),
        (['.'], 'holds neither results.json nor the curves of a training'),
        (['.', '--pictures', '-1'], '--pictures -1: 0 to 50 was expected'),
        (['results.json', '-o', '.'], '--out . is a folder; name a file'),
    ],
)
def test_wrong_input_is_one_line(call, tmp_path, arguments, words):
    if arguments[0] == 'results.json':
        (tmp_path / 'results.json').write_text('{"metrics": {"Dice": 0.5}}')
    status, told = call('report', *arguments)
    assert status == 1 and told.startswith('error: ') and words in told and told.count('\n') == 1, told


def test_the_results_that_are_kept_with_the_configs_can_be_shown(call, root, tmp_path):
    for path in sorted((root / 'configs/results').glob('*.json')):
        status, told = call('report', path, '-o', f'{path.stem}.html')
        assert status == 0 and 'Figures' in (tmp_path / f'{path.stem}.html').read_text(), told

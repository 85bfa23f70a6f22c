"""One command trains, tests and tabulates; what is wrong is said before the first training."""

import json
import sys

import pytest

EMPTY_TABLE = '<!-- results: made by tools/results_table.py, do not edit -->\n<!-- end of results -->\n'


@pytest.fixture
def reproduce(shell, root, tmp_path):
    def call(*arguments):
        outputs = ('--work-dir', 'out', '--results', 'results', '--readme', 'README.md')
        return shell(sys.executable, root / 'tools/reproduce.py', '--gpus', '0', *outputs, *arguments)

    (tmp_path / 'weights.pth').touch()
    (tmp_path / 'data/DRIVE').mkdir(parents=True)
    return call


@pytest.mark.parametrize(
    'arguments, words',
    [
        (('--weights', 'none.pth', '--data-root', 'data'), 'none.pth: no such file'),
        (('--weights', 'weights.pth', '--data-root', 'data'), 'has no folder STARE, CHASE_DB1, HRF, FIVES; name those that are there'),
        (('--weights', 'weights.pth', '--data-root', 'data', '--sets', 'DRIVE', '--cross', 'STARE'), 'has no folder STARE'),
        (('--weights', 'weights.pth', '--data-root', 'data', '--only', 'base'), 'add --ablation'),
        (('--weights', 'weights.pth', '--data-root', 'data', '--ablation', '--only', 'bass'), '--only bass: configs/ablation has base'),
        (('--weights', 'weights.pth', '--data-root', 'data', '--sets', 'DRIVE', '--gpus', '99'), '--gpus 99: this machine has'),
    ],
)
def test_what_is_missing_is_said_first(reproduce, tmp_path, arguments, words):
    done = reproduce(*arguments)
    assert done.returncode == 1 and words in done.stdout and 'Traceback' not in done.stdout
    assert not (tmp_path / 'out').exists()


def without_lines(path):
    path.write_text('a page of mine')


def in_another_order(path):
    path.write_text('\n'.join(reversed(EMPTY_TABLE.splitlines())))


@pytest.mark.parametrize(
    'make, words',
    [
        (lambda path: None, '--readme README.md cannot be read: No such file or directory'),
        (lambda path: path.mkdir(), '--readme README.md cannot be read: Is a directory'),
        (lambda path: path.write_bytes(b'\xff\xfe\x00'), '--readme README.md cannot be read: '),
        (without_lines, '--readme README.md lacks the lines'),
        (in_another_order, '--readme README.md lacks the lines'),
    ],
)
def test_a_page_that_the_table_cannot_be_written_into_is_said_before_the_first_training(reproduce, tmp_path, make, words):
    make(tmp_path / 'README.md')
    done = reproduce('--weights', 'weights.pth', '--data-root', 'data', '--sets', 'DRIVE')
    assert done.returncode == 1 and done.stdout.count('\n') == 1 and done.stdout.startswith(f'error: {words}'), done.stdout
    assert not (tmp_path / 'out').exists()


def test_results_that_cannot_be_tabulated_are_said_before_the_first_training(reproduce, tmp_path):
    (tmp_path / 'README.md').write_text(EMPTY_TABLE)
    (tmp_path / 'results').mkdir()
    (tmp_path / 'results/old.json').write_text('{}')
    done = reproduce('--weights', 'weights.pth', '--data-root', 'data', '--sets', 'DRIVE')
    assert done.returncode == 1 and done.stdout.startswith('error: results/old.json is no results.json') and done.stdout.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_seeds_of_a_method_become_one_row_and_held_out_pictures_another_table(shell, root, tmp_path):
    def results(name, split, seed, dice, config='configs/base.py'):
        figures = {'Dice': dice, 'AUC-ROC': 0.98}
        inside = {'pooled': figures, 'mean': figures, 'sd': figures}
        (tmp_path / name).write_text(
            json.dumps(
                dict(
                    config=config,
                    data={'class': 'DRIVEVesselDataset', 'split': split, 'field_of_view': 'shipped', 'pictures': 4},
                    metrics=figures,
                    report={'field of view': inside},
                    trained=dict(seed=seed, steps=7, seconds=120, data={'class': 'DRIVEVesselDataset', 'split': 'train', 'pictures': 16}),
                )
            )
        )
        return name

    readme = tmp_path / 'README.md'
    readme.write_text(EMPTY_TABLE)
    files = [results('a', 'test', 1, 0.80), results('b', 'test', 2, 0.82), results('c', 'val', 1, 0.7)]
    for name in files:
        done = shell(sys.executable, root / 'tools/results_table.py', '--results', 'kept', '--readme', readme, '--add', name)
        assert done.returncode == 0, done.stdout
    assert sorted(path.name for path in (tmp_path / 'kept').iterdir()) == [
        *('base_DRIVE_seed1.json', 'base_DRIVE_seed2.json', 'base_DRIVE_val_seed1.json'),
    ]
    test, ablation = readme.read_text().split('### Ablation')
    (row,) = [line for line in test.splitlines() if line.startswith('| base ')]
    assert '| .8100 ± .0141 |' in row and '| 1, 2 |' in row and '| DRIVE train, 16 | DRIVE test, 4 |' in row and '2 min' in row
    (row,) = [line for line in ablation.splitlines() if line.startswith('| base ')]
    assert '| .7000 |' in row and 'DRIVE val, 4' in row

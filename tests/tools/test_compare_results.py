"""tools/compare_results.py: what is compared with what."""

import sys

import pytest


@pytest.fixture
def compare(shell, root):
    return lambda *words: shell(sys.executable, root / 'tools/compare_results.py', *words)


def test_two_files_or_several_of_each(compare, root, tmp_path):
    detail, drive = (
        [root / f'configs/results/{name}_DRIVE_seed{seed}.json' for seed in (1, 2, 3)]
        for name in ('setr_mla_vitb16_frozen_detail', 'contrast_unet_drive')
    )
    done = compare(detail[0], drive[0], '--markdown', tmp_path / 'page.md')
    assert done.returncode == 0 and (tmp_path / 'page.md').read_text() == done.stdout
    assert '3 tests each' in compare(*detail, '--with', *drive).stdout


def test_what_cannot_be_compared_is_one_line(compare, root, tmp_path):
    one = root / 'configs/results/contrast_unet_drive_DRIVE_seed1.json'
    for words, said in (
        ([one], 'two tests were expected, got 1'),
        ([one, one], 'is named on both sides'),
        ([one, tmp_path], 'results.json: file not found'),
        ([one, one, one], 'two tests were expected, got 3'),
    ):
        done = compare(*words)
        assert done.returncode and said in done.stdout and 'Traceback' not in done.stdout

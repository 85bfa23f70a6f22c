"""Two trainings side by side: differences on the same pictures, intervals, and what can be said."""

import copy

import numpy as np
import pytest

from mmseg_fundus.errors import DataError
from mmseg_fundus.results.paired import compare, markdown
from mmseg_fundus.results.table import load_for_table


@pytest.fixture
def result(root):
    return lambda name: load_for_table(root / f'configs/results/{name}.json')


def shifted(results, by, noise=0.0, seed=0):
    """The same test with another Dice of each picture."""
    other, generator = copy.deepcopy(results), np.random.default_rng(seed)
    for row in other.report.pictures:
        row['Dice'] += by + noise * generator.standard_normal()
    return other


def dice(found):
    return next(one for one in found if one.figure == 'Dice')


def test_two_seeds_of_a_recipe_cannot_be_told_apart_and_two_recipes_can(result):
    seeds = [result(f'setr_mla_vitb16_frozen_detail_DRIVE_seed{seed}') for seed in (1, 2)]
    assert 'cannot be told apart' in dice(compare(*([seed] for seed in seeds))).sentence
    with_contrast, without = result('base_DRIVE_val_seed1'), result('no_local_contrast_DRIVE_val_seed1')
    found = dice(compare([with_contrast], [without]))
    assert found.sentence.startswith('Dice: the first is better') and 0 < found.low < found.mean < found.high
    assert 'one training each does not say' in found.sentence


def test_the_interval_is_about_as_wide_as_that_of_the_mean(result):
    base = result('contrast_unet_drive_DRIVE_seed1')
    found = dice(compare([shifted(base, 0.01, 0.02)], [base]))
    differences = [a['Dice'] - b['Dice'] for a, b in zip(shifted(base, 0.01, 0.02).report.pictures, base.report.pictures)]
    assert found.mean == pytest.approx(np.mean(differences)) and found.better == sum(one > 0 for one in differences)
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(differences, ddof=1) / 20**0.5, rel=0.2)


def test_seeds_that_scatter_hide_what_one_training_each_would_show(result):
    base = result('contrast_unet_drive_DRIVE_seed1')
    first, second = [shifted(base, by) for by in (0.03, -0.02, 0.01)], [shifted(base, by) for by in (0.0, 0.01, -0.01)]
    assert dice(compare(first[:1], second[:1])).low > 0
    found = dice(compare(first, second))
    assert found.low < 0 < found.high and (found.seeds, found.pictures) == (3, 20)


def test_the_page_has_a_row_and_a_sentence_of_each_figure(result):
    base = result('contrast_unet_drive_DRIVE_seed1')
    page = markdown(compare([shifted(base, 0.02)], [base]), 'new', 'old')
    assert '| Dice |' in page and '20 of 20' in page and '- Dice: the first is better (.020, between' in page


def test_tests_of_other_pictures_are_not_compared(result):
    base = result('contrast_unet_drive_DRIVE_seed1')
    fewer, relabelled = copy.deepcopy(base), copy.deepcopy(base)
    fewer.report.pictures.pop()
    relabelled.files['05_test'] = {**relabelled.files['05_test'], 'label': '0' * 16}
    with pytest.raises(DataError, match="not of the same pictures: 1 are in one alone, '20_test'"):
        compare([base], [fewer])
    with pytest.raises(DataError, match='picture 05_test or its label is not the same in both tests; 1 of 20 differ'):
        compare([base], [relabelled])
    with pytest.raises(DataError, match='1 tests cannot be compared with 2'):
        compare([base], [base, base])

"""Differences between methods: something is said where there is something, and where there is nothing, that."""

import numpy as np
import pytest

from mmseg_fundus.errors import DataError
from mmseg_fundus.results.compare import decimals, difference, interval

TRUTHS = [(0.004, 0.0, 0.0), (0.0, 0.01, 0.0), (0.0, 0.0, 0.005), (0.003, 0.006, 0.004)]  # sd of seed, of picture, of the rest


def drawn(rng, mean, truth, seeds=3, pictures=4):
    of_seed, of_picture, rest = truth
    parts = (of_seed * rng.standard_normal((seeds, 1)), of_picture * rng.standard_normal((1, pictures)))
    return mean + sum(parts) + rest * rng.standard_normal((seeds, pictures))


@pytest.mark.parametrize('truth', TRUTHS, ids=str)
def test_where_there_is_nothing_at_most_about_one_run_in_twenty_says_something(truth):
    rng = np.random.default_rng(22)
    wrong = [interval(drawn(rng, 0.0, truth)).verdict in ('adds', 'takes') for _ in range(200)]
    assert np.mean(wrong) <= 0.07  # 5 % and twice the error of 200 draws would be 8 %


@pytest.mark.parametrize('truth, least', [((0.002, 0.004, 0.003), 0.95), ((0.003, 0.006, 0.004), 0.75)], ids=str)
def test_a_true_difference_is_found(truth, least):
    rng = np.random.default_rng(22)
    found = [interval(drawn(rng, 0.015, truth)).verdict for _ in range(200)]
    assert np.mean([verdict == 'adds' for verdict in found]) >= least and 'takes' not in found


def test_with_many_seeds_and_pictures_it_is_what_a_bootstrap_over_both_finds():
    rng = np.random.default_rng(22)
    differences = drawn(rng, 0.01, (0.02, 0.03, 0.01), 60, 80)
    redrawn = [differences[rng.integers(0, 60, 60)][:, rng.integers(0, 80, 80)].mean() for _ in range(4000)]
    low, high = np.percentile(redrawn, [2.5, 97.5])
    assert interval(differences).half == pytest.approx((high - low) / 2, rel=0.08)


def test_seeds_and_pictures_are_paired_by_name_not_by_order():
    first = {1: {'a': 0.8, 'b': 0.7}, 2: {'a': 0.82, 'b': 0.71}}
    second = {2: {'b': 0.70, 'a': 0.81}, 1: {'b': 0.69, 'a': 0.79}}
    found = difference(first, second)
    assert found.mean == pytest.approx(0.01) and found.half == pytest.approx(0, abs=1e-12) and found.verdict == 'adds'


def test_a_picture_without_a_figure_is_left_out():
    first = {1: {'a': 0.8, 'b': None}, 2: {'a': 0.8, 'b': 0.7}}
    assert difference(first, {1: {'a': 0.7, 'b': 0.7}, 2: {'a': 0.75, 'b': 0.7}}).pictures == 1


def test_what_cannot_be_paired_is_an_error():
    with pytest.raises(DataError, match=r'seeds \[1\] cannot be paired with \[2\]'):
        difference({1: {'a': 0.8}}, {2: {'a': 0.8}})
    with pytest.raises(DataError, match='no picture'):
        difference({1: {'a': 0.8}}, {1: {'b': 0.8}})


def test_the_sentences():
    assert interval(np.array([[0.012, 0.013], [0.011, 0.012]])).sentence().startswith('adds .012 ± .00')
    assert interval(np.array([[-0.012, -0.013], [-0.011, -0.012]])).sentence().startswith('takes away .012 ± .00')
    assert interval(np.array([[0.012, -0.013], [-0.011, 0.012]])).sentence().startswith('adds nothing that can be told from noise (.0000 ±')
    assert 'cannot be told from noise with one seed (.012 Dice); take three or more' in interval(np.array([[0.012, 0.012]])).sentence()


def test_the_same_figures_twice_differ_in_nothing():
    assert interval(np.zeros((3, 4))).verdict == 'nothing'


@pytest.mark.parametrize('value, text', [(0.0123, '.012'), (-0.0008, '-.0008'), (0.00996, '.010'), (0.0, '.0000')])
def test_decimals(value, text):
    assert decimals(value) == text

"""What a pixel can be is said in one place."""

import re

import pytest
import torch

from mmseg_fundus import classes
from mmseg_fundus.datasets import FundusVesselDataset


def test_numbers_of_labels_and_logits_are_those_that_files_and_checkpoints_have():
    assert (classes.CLASSES, classes.BACKGROUND, classes.VESSEL, classes.IGNORE) == (('background', 'vessel'), 0, 1, 255)
    assert classes.OUTSIDE == (10.0, -10.0)
    assert FundusVesselDataset.METAINFO == dict(classes=('background', 'vessel'), palette=[[0, 0, 0], [255, 255, 255]])


def test_vessel_is_one_of_the_classes():
    logits = torch.randn(2, 2, 5, 7, generator=torch.Generator().manual_seed(0))
    probability = classes.vessel_probability(logits)
    assert torch.equal(probability, logits.softmax(1)[:, 1])
    assert torch.equal(classes.vessel_probability(logits[0], dim=0), logits[0].softmax(0)[1])
    assert torch.equal(classes.is_vessel(logits), logits[:, 1] > logits[:, 0]) and not classes.is_vessel(torch.zeros(1, 2, 1, 1)).any()
    assert torch.allclose(classes.vessel_log_odds(logits).sigmoid()[:, 0], probability)


@pytest.mark.parametrize(
    'written',
    [
        r'IGNORE = \d',
        r'ignore_index(: int)? ?= ?255',
        r"'background', 'vessel'",
        r'\(10\.0, -10\.0\)',
        r'softmax\([^)]*\)\[(:, )?1',
        r'num_classes=2\b',
    ],
)
def test_nothing_else_in_the_package_says_it_again(root, written):
    found = [str(file.relative_to(root)) for file in (root / 'mmseg_fundus').rglob('*.py') if re.search(written, file.read_text())]
    assert set(found) <= {'mmseg_fundus/classes.py'}

"""Real eyes and spoilt copies: the Dice expected without labels ranks them as the true one does, and flags say what was done."""

import cv2
import numpy as np
import pytest
from scipy import stats

from mmseg_fundus.apis import FundusVesselInferencer
from mmseg_fundus.datasets import DRIVEVesselDataset
from mmseg_fundus.datasets.photograph import read_photograph
from mmseg_fundus.datasets.truth import read_truth

pytestmark = pytest.mark.slow
FLAGS = {
    'as it is': None,
    'blurred a little': None,
    'blurred': 'blurred',
    'darkened': 'dark',
    'covered': 'partly unreadable',
    'covered in black': 'partly unreadable',
    'cropped': 'cropped: its scale is uncertain',
}


def copies(picture, label, fov):
    """Name, picture, label and field of view of each copy."""
    height, width = label.shape
    yield 'as it is', picture, label, fov
    yield 'blurred a little', cv2.GaussianBlur(picture, (0, 0), 1.2), label, fov
    yield 'blurred', cv2.GaussianBlur(picture, (0, 0), 4), label, fov
    yield 'darkened', (picture * 0.2).astype(np.uint8), label, fov
    for name, value in (('covered', 128), ('covered in black', 0)):
        hidden = picture.copy()
        hidden[height // 3 : 2 * height // 3, width // 4 : 2 * width // 3] = value
        yield name, hidden, label, fov
    yield 'cropped', *(np.ascontiguousarray(one[:, : width // 2]) for one in (picture, label, fov))


def test_expected_dice_ranks_as_the_true_one_and_flags_say_what_was_done(real_drive):
    dataset, infer = DRIVEVesselDataset(real_drive, 'test'), FundusVesselInferencer()
    expected, true, flags = [], [], {name: [] for name in FLAGS}
    for i in range(0, len(dataset), 4):
        label, fov, _ = read_truth(dataset, i)
        for name, picture, wanted, field in copies(read_photograph(dataset.get_data_info(i)['img_path']), label, fov):
            eye = infer(picture)
            found, vessels = eye.mask & (field > 0), (wanted == 1) & (field > 0)
            expected.append(eye.quality['expected_dice'])
            true.append(2 * (found & vessels).sum() / (found.sum() + vessels.sum()))
            flags[name].append(eye.flags)
    assert stats.spearmanr(expected, true)[0] > 0.8
    assert all(told == [] for told in flags['as it is'])
    for name, flag in FLAGS.items():
        assert flag is None or all(flag in told for told in flags[name]), (name, flags[name])

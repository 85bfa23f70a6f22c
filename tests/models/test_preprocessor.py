"""Pictures are normalised as mmseg does it, also where that is done with less memory."""

import numpy as np
import pytest
import torch
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_fundus.families import VISIONFM


@pytest.mark.parametrize('kind', [torch.uint8, torch.float32], ids=['bytes', 'floats'])
@pytest.mark.parametrize('number', [1, 3])
def test_a_prediction_sees_what_mmseg_hands_on(kind, number):
    pictures = [torch.randint(0, 256, (3, 20, 31)).to(kind) for _ in range(number)]
    before = [picture.clone() for picture in pictures]
    settings = dict(bgr_to_rgb=True, pad_val=0, seg_pad_val=255, size_divisor=1)
    theirs = SegDataPreProcessor(mean=[255 * x for x in VISIONFM.mean], std=[255 * x for x in VISIONFM.std], **settings)
    wanted = theirs(dict(inputs=[picture.clone() for picture in pictures]), False)['inputs']
    found = MODELS.build(dict(type='FundusDataPreprocessor'))(dict(inputs=pictures), False)
    assert torch.equal(found['inputs'], wanted) and found['data_samples'] is None
    assert all(map(torch.equal, pictures, before)), 'the photographs themselves stay as they were'


def test_outside_the_field_of_view_is_black_and_inside_is_not_touched():
    fov = np.zeros((8, 9), np.uint8)
    fov[2:6] = 1
    picture = torch.randint(1, 256, (3, 8, 9), dtype=torch.uint8)
    seen, plain = (
        MODELS.build(dict(type='FundusDataPreprocessor', outside=outside))(
            dict(inputs=[picture], data_samples=[SegDataSample(metainfo=dict(fov=fov))]), False
        )['inputs'][0]
        for outside in ('black', 'as it is')
    )
    black = torch.tensor([-mean / std for mean, std in zip(VISIONFM.mean, VISIONFM.std)])
    assert torch.equal(seen[:, 2:6], plain[:, 2:6]) and torch.allclose(seen[:, :2], black.view(3, 1, 1).expand(3, 2, 9))


def test_pictures_of_two_sizes_are_refused_as_mmseg_does():
    with pytest.raises(AssertionError, match='should be the same'):
        MODELS.build(dict(type='FundusDataPreprocessor'))(dict(inputs=[torch.zeros(3, 4, 4), torch.zeros(3, 4, 5)]), False)

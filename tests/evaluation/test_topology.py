"""Recall by vessel width, and topology, on drawn vessels whose truth is known."""

import cv2
import numpy as np
import pytest

from mmseg_fundus.evaluation import VesselMetric, betti, topology, topology_counts
from mmseg_fundus.evaluation.topology import topology_line

SIDE = 400
FOV = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (200, 200), 200, 1, -1) > 0  # .5 % of its diameter are 2 pixels, 1 % are 4


def drawn(*lines, side=SIDE):
    """``(row, width)`` of horizontal bars of 200 pixels."""
    mask = np.zeros((side, side), bool)
    for row, width in lines:
        mask[row : row + width, 100:300] = True
    return mask


def of(prediction, label, valid=FOV):
    return topology([topology_counts(prediction, label, valid)])


LABEL = drawn((100, 1), (200, 3), (300, 7))


def test_each_width_has_its_recall():
    found = of(drawn((200, 3), (300, 7)), LABEL)
    assert found['Recall thin'] < 0.02 and found['Recall medium'] == found['Recall wide'] == 1  # a wide one's tip is thin
    half = LABEL.copy()
    half[300:307, 200:] = False
    assert of(half, LABEL)['Recall wide'] == pytest.approx(0.5, abs=0.03) and of(half, LABEL)['Recall thin'] == 1
    assert sum(found[f'Share {name}'] for name in ('thin', 'medium', 'wide')) == pytest.approx(1)
    assert found['Share thin'] == pytest.approx(1 / 3, abs=0.03)


@pytest.mark.parametrize('turns', [0, 1])
def test_widths_are_of_the_field_not_of_pixels(turns):
    label, fov = (np.kron(np.rot90(mask, turns), np.ones((2, 2))) > 0 for mask in (LABEL, FOV))
    found = of(label & False, label, fov)
    assert found['Share thin'] == pytest.approx(1 / 3, abs=0.05) and found['Share wide'] == pytest.approx(1 / 3, abs=0.05)


def test_what_lies_outside_the_field_does_not_count():
    label = LABEL | drawn((395, 1))
    label[0:3] = True
    outside = np.zeros((SIDE, SIDE), bool)
    outside[50:350] = True
    assert of(LABEL, label, outside)['Recall thin'] == 1


@pytest.mark.parametrize(
    'mask, expected',
    [
        (np.zeros((9, 9)), (0, 0)),
        (np.ones((9, 9)), (1, 0)),
        (cv2.circle(np.zeros((9, 9)), (4, 4), 3, 1), (1, 1)),
        (np.eye(9), (1, 0)),  # corners connect
        (np.kron(np.eye(2), np.pad(np.zeros((3, 3)), 1, constant_values=1)), (1, 2)),
    ],
    ids=['nothing', 'all', 'a ring', 'a diagonal', 'two rings'],
)
def test_parts_and_loops_are_counted(mask, expected):
    assert betti(mask > 0) == expected


def test_a_broken_vessel_is_one_part_too_many_and_a_broken_ring_a_loop_too_few():
    ring = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (200, 200), 80, 1, 5) > 0
    broken = ring.copy()
    broken[:, 195:205] = False
    assert (of(broken, ring)['Betti 0 error'], of(broken, ring)['Betti 1 error']) == (1, 1)
    two = [topology_counts(broken, ring, FOV), topology_counts(ring, ring, FOV)]
    assert topology(two)['Betti 0 error'] == 0.5, 'a mean over pictures, in which more and fewer do not cancel'
    more_and_fewer = topology([topology_counts(broken, ring, FOV), topology_counts(ring, broken, FOV)])
    assert more_and_fewer['Betti 0 error'] == 1


def test_recall_is_pooled_and_undefined_without_a_vessel_of_that_width():
    long, short = drawn((100, 1)), np.zeros((SIDE, SIDE), bool)
    short[100, 100:120] = True
    found = topology([topology_counts(long, long, FOV), topology_counts(short & False, short, FOV)])
    assert found['Recall thin'] == pytest.approx(200 / 220, abs=0.01) and np.isnan(found['Recall wide'])
    assert 'wide nan (of 0%)' in topology_line(found) and topology_line({}) == ''


def test_a_test_tells_them_and_keeps_them():
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    label = np.where(FOV, LABEL, 255)
    sample = SegDataSample(
        metainfo=dict(img_path='eye.png'),
        gt_sem_seg=PixelData(data=torch.from_numpy(label[None].astype(np.int64))),
        pred_sem_seg=PixelData(data=torch.from_numpy(drawn((200, 3), (300, 7))[None].astype(np.int64))),
    )
    metric = VesselMetric()
    metric.process({}, [sample.to_dict()])
    metric.evaluate(1)
    found = metric.report['field of view']['topology']
    assert found['Recall thin'] < 0.02 and found['Betti 0 error'] == 1
    assert metric.report['pictures'][0]['Recall thin'] < 0.02 and 'Share thin' not in metric.report['pictures'][0]

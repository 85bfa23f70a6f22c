import resource

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_fundus.errors import WriteError
from mmseg_fundus.visualization import VesselVisualizer, WholeFilesVisBackend, draw_overlay
from mmseg_fundus.visualization.overlay import FOUND, INVENTED, MISSED


def test_found_missed_and_false_pixels_have_their_colours_and_ignored_ones_none():
    prediction = np.array([[1, 0, 1, 1, 0]])
    label = np.array([[1, 1, 0, 255, 0]])
    image = draw_overlay(np.full((1, 5, 3), 100, np.uint8), prediction, label)
    assert image[0].tolist() == [list(FOUND), list(MISSED), list(INVENTED), [50] * 3, [50] * 3]


def test_without_label_only_the_prediction_is_painted():
    assert draw_overlay(np.zeros((1, 2, 3), np.uint8), np.array([[1, 0]]))[0].tolist() == [list(FOUND), [0, 0, 0]]


def test_the_visualizer_writes_picture_and_overlay_side_by_side(tmp_path):
    visualizer = VesselVisualizer(vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path))
    sample = SegDataSample(pred_sem_seg=PixelData(data=torch.ones(1, 40, 60)))
    drawn = visualizer.add_datasample('val_eye', np.zeros((40, 60, 3), np.uint8), sample, step=7, out_file=tmp_path / 'copy.png')
    assert drawn.shape[1] == 120 and drawn.shape[0] > 40
    assert (tmp_path / 'copy.png').is_file() and list(tmp_path.rglob('val_eye_7.png'))


def test_a_picture_is_written_whole_or_not_at_all(tmp_path):
    """A limit on the size of a file stands for a full disk, of which OpenCV says nothing."""
    backend = WholeFilesVisBackend(save_dir=str(tmp_path))
    old, new = np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3), np.uint8)
    backend.add_image('left/eye', old, step=3)
    written = tmp_path / 'vis_image/left/eye_3.png'
    assert np.array_equal(Image.open(written), old)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(WriteError, match='eye_3.png could not be written .*what was there before is unchanged'):
            backend.add_image('left/eye', new, step=3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert np.array_equal(Image.open(written), old) and [path.name for path in written.parent.iterdir()] == ['eye_3.png']

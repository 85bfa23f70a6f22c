"""Masks are written beside the prediction, whole or not at all."""

import threading

import numpy as np
import pytest
from PIL import Image

from mmseg_fundus.evaluation import mask_writer
from mmseg_fundus.evaluation.mask_writer import MaskWriter


def test_masks_are_black_and_white_under_their_names(tmp_path):
    masks = {f'{i}': np.random.default_rng(i).random((5 + i, 7)) > 0.5 for i in range(40)}
    writer = MaskWriter(tmp_path / 'new')
    for name, mask in masks.items():
        writer.write(name, mask)
    writer.finish()
    assert {path.name for path in (tmp_path / 'new').iterdir()} == {f'{name}.png' for name in masks}
    assert all(
        np.array_equal(np.array(Image.open(tmp_path / 'new' / f'{name}.png').convert('L')), 255 * mask) for name, mask in masks.items()
    )


def test_a_prediction_does_not_wait_for_the_disk_until_many_masks_do(tmp_path, monkeypatch):
    go, waited = threading.Event(), []
    monkeypatch.setattr(mask_writer, 'write_whole', lambda path, write: go.wait(60))
    writer = MaskWriter(tmp_path)
    for i in range(mask_writer.WAITING):
        writer.write(str(i), np.zeros((2, 2), bool))
    late = threading.Thread(target=lambda: (writer.write('late', np.zeros((2, 2), bool)), waited.append(True)))
    late.start()
    late.join(0.2)
    assert not waited
    go.set()
    late.join(60)
    assert waited


def test_what_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / 'file').write_text('')
    writer = MaskWriter(tmp_path / 'file' / 'below')
    writer.write('a', np.zeros((2, 2), bool))
    with pytest.raises(OSError, match='below'):
        writer.finish()

import numpy as np
import pytest

from mmseg_fundus.datasets.synthetic import synthetic_fundus


@pytest.mark.parametrize('size', [64, 256])
def test_pictures_look_like_a_fundus(size):
    for seed in range(4):
        picture, label, fov = synthetic_fundus(seed, size)
        assert picture.shape == (size, size, 3) and label.shape == fov.shape == (size, size)
        assert set(np.unique(label)) == set(np.unique(fov)) == {0, 255}
        inside, vessel = fov > 0, label > 0
        assert 0.6 < inside.mean() < 0.75 and not (vessel & ~inside).any()
        assert 0.05 < vessel[inside].mean() < 0.4
        red, green, blue = (picture[..., c].astype(float) for c in range(3))
        assert red[inside].mean() > green[inside].mean() > blue[inside].mean() and picture[~inside].mean() < 10
        assert green[vessel].mean() < 0.85 * green[inside & ~vessel].mean()


def test_the_seed_decides():
    draw = synthetic_fundus.__wrapped__  # tests/conftest.py keeps what was drawn
    first, again, other = draw(5, 64), draw(5, 64), draw(6, 64)
    assert all(np.array_equal(a, b) for a, b in zip(first, again)) and not np.array_equal(first[1], other[1])

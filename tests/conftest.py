"""Small synthetic stand-ins that the tests share: a tiny ViT's weights file, a DRIVE-like folder, a config."""

import functools
import os
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
DRIVE = ROOT.parent / 'shared' / 'data' / 'DRIVE'
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a suite in the background: its processes would ignore Ctrl-C too
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    """Import what takes seconds, before the first test is read; the process that only hands tests out to others (``-n``) does not."""
    if config.getoption('numprocesses', None):
        return
    import torch
    from zygote import spare_repetition

    from mmseg_fundus.datasets import synthetic

    torch.set_num_threads(1)
    spare_repetition()
    drawn = functools.cache(synthetic.synthetic_fundus)

    @functools.wraps(synthetic.synthetic_fundus)
    def drawn_once(seed, size=256):
        """Thousands of pictures are asked for, of a few hundred seeds."""
        return tuple(array.copy() for array in drawn(seed, size))

    synthetic.synthetic_fundus = drawn_once


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What starts processes or has a fixture that trains is slow; other tests say so themselves."""
    for item in items:
        if {'zygote', 'train'} & set(item.fixturenames):
            item.add_marker('slow')


@pytest.fixture(autouse=True, scope='session')
def cache(tmp_path_factory):
    """Found fields of view are kept in the tests' own folder."""
    os.environ['FUNDUS_CACHE'] = str(tmp_path_factory.mktemp('cache'))
    os.environ.pop('FUNDUS_WEIGHTS', None)  # the tests have their own


@pytest.fixture(autouse=True)
def scope():
    from mmengine.registry import init_default_scope

    init_default_scope('mmseg')


@pytest.fixture(scope='session')
def root():
    return ROOT


@pytest.fixture(scope='session')
def real_drive():
    if not DRIVE.is_dir():
        pytest.skip('the real DRIVE pictures are not on this machine')
    return DRIVE


@pytest.fixture(scope='session')
def zygote(tmp_path_factory):
    """Starts Python scripts as forks of a process that has imported the package (tests/zygote.py)."""
    from zygote import Zygote

    started = Zygote(tmp_path_factory.mktemp('zygote'), {**os.environ, 'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'Agg'})
    yield started
    started.close()


@pytest.fixture(scope='session')
def tiny_weights(tmp_path_factory):
    from tiny import write_weights

    return write_weights(tmp_path_factory.mktemp('weights') / 'tiny.pth')


@pytest.fixture
def other_weights(tmp_path):
    """Writes more weights files, with another seed or position table."""
    from tiny import write_weights

    return lambda **arch: write_weights(tmp_path / 'other_weights.pth', **arch)


@pytest.fixture
def tiny_vit(tiny_weights):
    """Builds the tiny ViT; arguments override."""
    from tiny import TINY

    from mmseg_fundus.models import FrozenVisionTransformer

    def build(**kwargs):
        return FrozenVisionTransformer(**{**dict(weights=tiny_weights, arch=TINY, pretrain_size=64, out_indices=(0, 1, 3)), **kwargs})

    return build


@pytest.fixture(scope='session')
def drive_like(tmp_path_factory):
    """DRIVE's folders with 6 training and 3 test pictures of 64x64; tests do not change it."""
    from mmseg_fundus.datasets.synthetic import write_drive_layout

    return write_drive_layout(tmp_path_factory.mktemp('data') / 'DRIVE', training=6, test=3, size=64)


@pytest.fixture
def tiny_config(tmp_path, tiny_weights, drive_like):
    """A config file that inherits from the DRIVE one, with the tiny ViT, 64 pixels and no workers; lines can be added."""
    from tiny import write_config

    return functools.partial(write_config, tmp_path, tiny_weights, drive_like)


@pytest.fixture
def tiny_checkpoint(tiny_config, tmp_path):
    """Writes a config and a slim checkpoint of it that was not trained; more can be put into the file's ``meta``."""
    import torch
    from mmengine.config import Config
    from mmseg.registry import MODELS

    def write(extra='', **meta):
        config, path = tiny_config(extra), tmp_path / 'tiny.pth'
        torch.manual_seed(0)
        model = MODELS.build(Config.fromfile(str(config)).model)
        torch.save({'meta': meta, 'state_dict': model.slim_state_dict(model.state_dict())}, path)
        return config, path

    return write

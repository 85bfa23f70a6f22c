"""An encoder of somebody else's package: a short class trains, caches, resumes, is saved slim, tested, predicted with, exported."""

import contextlib
import importlib
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import MODELS
from torch import nn

from mmseg_fundus.engine import load_config
from mmseg_fundus.errors import CheckpointError, ConfigError, WeightsError
from mmseg_fundus.feature_cache import digest
from mmseg_fundus.fileio.safe_load import safe_load
from mmseg_fundus.models.encoders import FrozenEncoder, encoder_of

OWN = Path(__file__).with_name('own_encoder.py')


@pytest.fixture(scope='session')
def own(tmp_path_factory):
    """The class, imported as a module from a folder outside the package."""
    folder = tmp_path_factory.mktemp('outside')
    shutil.copy(OWN, folder)
    sys.path.insert(0, str(folder))
    import own_encoder

    yield own_encoder.StridedEncoder
    sys.path.remove(str(folder))


def write(own, path, seed=0):
    """A weights file for it, in which every tensor matters."""
    torch.manual_seed(seed)
    encoder = own('random')
    for tensor in encoder.own_tensors().values():
        if tensor.is_floating_point():
            tensor.add_(0.1 * torch.rand_like(tensor))
    torch.save({'state_dict': encoder.state_dict(), 'about': f'random, seed {seed}'}, path)
    return path


@pytest.fixture
def weights(own, tmp_path):
    return write(own, tmp_path / 'own.pth')


@pytest.fixture
def config(tiny_config, weights):
    lines = [
        "custom_imports = dict(imports=['own_encoder'], allow_failed_imports=False)",
        f"model['backbone'] = dict(_delete_=True, type='StridedEncoder', weights={str(weights)!r})",
        "model['neck'].update(in_channels=24, num_levels=2)",
        "model['decode_head'].update(patch_size=8, stage_channels=(16, 8, 8))",
        "train_dataloader['sampler'] = dict(views=2)",
    ]
    return tiny_config('\n'.join(lines))


@pytest.fixture
def train(config, own, tmp_path, monkeypatch):
    """Trains; returns the runner and how many pictures the encoder saw."""
    seen, encode = [], own.encode
    monkeypatch.setattr(own, 'encode', lambda self, x: (seen.append(len(x)), encode(self, x))[1])

    def run(name, epochs=2, **options):
        seen.clear()
        options = {'default_hooks.feature_cache.folder': str(tmp_path / 'cache'), 'train_cfg.max_epochs': epochs, **options}
        cfg = load_config(config, options, work_dir=str(tmp_path / name))
        cfg.experiment_name = f'{tmp_path.name}-{name}'
        cfg.load_from, cfg.resume = options.get('load_from'), 'load_from' in options
        runner = Runner.from_cfg(cfg)
        runner.train()
        return runner, sum(seen)

    return run


@pytest.fixture
def tool(root, config, monkeypatch):
    """Runs a tool on it in this process."""

    def run(name, *arguments):
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        monkeypatch.syspath_prepend(str(root / 'tools'))
        with contextlib.suppress(SystemExit):  # check_setup.py ends with its status
            runpy.run_path(str(root / 'tools' / name), run_name='__main__')

    return run


def trained(path):
    return {name: tensor for name, tensor in safe_load(path)['state_dict'].items() if name != 'encoder_sha256'}


def test_it_trains_from_kept_maps_and_resumes_bit_for_bit_from_a_slim_checkpoint(train, tmp_path):
    whole, seen = train('whole')
    assert seen == 5 * 2 + 1  # every view and validation picture once
    state = trained(tmp_path / 'whole' / 'epoch_2.pth')
    assert not [name for name in state if name.startswith('backbone.')] and (tmp_path / 'whole' / 'epoch_2.pth').stat().st_size < 500_000
    assert safe_load(tmp_path / 'whole' / 'epoch_2.pth')['meta']['encoder']['sha256'] == whole.model.encoder.source.sha256
    _, seen = train('resumed', load_from=str(tmp_path / 'whole' / 'epoch_1.pth'))
    assert seen == 0
    resumed = trained(tmp_path / 'resumed' / 'epoch_2.pth')
    assert state.keys() == resumed.keys() and all(torch.equal(state[name], resumed[name]) for name in state)


def test_its_checkpoint_is_tested_predicted_with_exported_and_made_whole(train, tool, config, drive_like, weights, tmp_path, capfd):
    train('run', epochs=1)
    checkpoint = tmp_path / 'run' / 'epoch_1.pth'
    tool('check_setup.py', config)
    out = ' '.join(capfd.readouterr().out.split())
    assert "own.pth: 'state_dict' of a training checkpoint, 9/9 encoder tensors" in out, out
    tool('test.py', config, checkpoint, '--work-dir', tmp_path / 'tested')
    tool('export_checkpoint.py', config, checkpoint, tmp_path / 'full.pth')
    weights.unlink()
    pictures = drive_like / 'test' / 'images'
    whole = ('--checkpoint', tmp_path / 'full.pth', '--weights', 'from_checkpoint')
    tool('predict.py', pictures, '-o', tmp_path / 'out', '--config', config, *whole)
    assert len(list((tmp_path / 'out').rglob('*.png'))) >= 3
    tool('export.py', config, tmp_path / 'full.pth', tmp_path / 'own.onnx', '--weights', 'from_checkpoint')  # compares with PyTorch
    assert (tmp_path / 'own.onnx').is_file()


def test_another_weights_file_or_setting_is_computed_anew(train, own, tmp_path):
    train('first', epochs=1)
    for name, change in (
        ('file', {'model.backbone.weights': str(write(own, tmp_path / 'other.pth', seed=1))}),
        ('gain', {'model.backbone.gain': 2.0}),
    ):
        _, seen = train(name, epochs=1, **change)
        assert seen == 5 + 1


def test_what_decides_the_maps_is_in_the_identity_of_an_encoder(own, weights, tmp_path):
    encoder = own(str(weights))
    known = digest(encoder.identity())
    assert digest(own(str(weights)).identity()) == known
    changed = own(str(weights))
    changed.first[1].running_mean[3] += 1e-3  # a buffer, no parameter
    others = [own(str(weights), gain=2.0), own(str(write(own, tmp_path / 'b.pth', 1))), changed, own('random')]
    assert len({known, *(digest(other.identity()) for other in others)}) == 5
    assert own(str(weights)).fingerprint() == encoder.fingerprint() != changed.fingerprint()


def test_an_edited_class_is_another_encoder(weights, tmp_path, monkeypatch):
    found = []
    monkeypatch.syspath_prepend(str(tmp_path))
    for number, gain in ((1, 1), (2, 2)):
        folder = tmp_path / f'edit{number}'
        folder.mkdir()
        text = OWN.read_text().replace('StridedEncoder', f'Edited{number}').replace('self.gain *', f'{gain} * self.gain *')
        (folder / 'edited.py').write_text(text)
        monkeypatch.syspath_prepend(str(folder))
        sys.modules.pop('edited', None)
        found.append(getattr(importlib.import_module('edited'), f'Edited{number}')(str(weights)).identity())
    assert found[0]['fingerprint'] == found[1]['fingerprint'] and found[0]['code'] != found[1]['code']


def test_its_batch_norms_statistics_stay_on_every_way_through_a_model(config, own, weights, tmp_path):
    model = MODELS.build(load_config(config).model).double().float().train()  # moved, which makes new buffers
    assert not model.backbone.first[1].training and model.encoder.in_weights_file
    model.backbone(torch.randn(2, 3, 64, 64))
    slim = model.slim_state_dict(model.state_dict())
    assert not [name for name in slim if name.startswith('backbone.')]
    other = MODELS.build(load_config(config).model)
    other.load_state_dict(dict(slim))
    assert torch.equal(other.backbone.first[1].running_mean, safe_load(weights)['state_dict']['first.1.running_mean'])
    model.backbone.first[1].running_mean += 1
    assert not model.encoder.in_weights_file  # it is no longer the file's, so a checkpoint keeps all of it
    assert 'backbone.first.1.running_mean' in model.slim_state_dict(model.state_dict())
    with pytest.raises(CheckpointError, match='trained with another frozen encoder'):
        changed = load_config(config, {'model.backbone.weights': str(write(own, tmp_path / 'c.pth', 7))})
        MODELS.build(changed.model).load_state_dict(dict(slim))


@pytest.mark.parametrize(
    'spoil, words',
    [
        (lambda state: state.pop('second.bias'), r'own.pth does not fit StridedEncoder.*8/9 tensors fit, 1 missing \(second.bias\)'),
        (lambda state: state.update({'head.x': torch.zeros(1)}), r'1 unexpected \(head.x\)'),
        (lambda state: state.update({'second.bias': torch.zeros(5)}), r'second.bias is \(5,\), expected \(24,\)'),
        (lambda state: state.update({'second.bias': torch.full((24,), torch.nan)}), 'second.bias holds NaN'),
        (lambda state: state.update(note='x'), "holds 'note', which is no tensor"),
    ],
)
def test_a_weights_file_of_it_fits_exactly_or_is_refused(own, weights, spoil, words):
    state = safe_load(weights)['state_dict']
    spoil(state)
    torch.save({'state_dict': state}, weights)
    with pytest.raises(WeightsError, match=words):
        own(str(weights))
    with pytest.raises(WeightsError, match='StridedEncoder was given no weights'):
        own()


class Forgetful(FrozenEncoder):
    """Keeps less of its arguments than it should, or has no fixed text for them."""

    def __init__(self, gain=1.0, kept=True, hidden=False, **more):
        super().__init__()
        self.patch_size, self.embed_dims, self.levels = 1, 3, 1
        self.layer = nn.Conv2d(3, 3, 1)
        self.kept = kept
        if kept:
            self.gain = gain
        self.freeze()

    def encode(self, inputs):
        return (self.layer(inputs),)


class Keeping(Forgetful):
    def __init__(self, gain=1.0, kept=True):
        super().__init__(gain, kept)


@pytest.mark.parametrize(
    'make, words',
    [
        (lambda: Keeping(kept=False), 'does not keep self.gain; set it'),
        (lambda: Keeping(gain=np.ones(3)), 'its setting gain is a ndarray, which has no fixed text'),
        (lambda: Forgetful(), 'does not keep self.hidden'),
    ],
)
def test_an_encoder_that_does_not_say_what_decides_its_maps_has_no_identity(make, words):
    encoder = make()
    assert words in encoder.why_unknown() and encoder.identity() is None
    assert Keeping().why_unknown() is None


def test_a_hook_or_an_adapter_in_it_takes_its_identity(own, weights):
    encoder = own(str(weights))
    handle = encoder.second.register_forward_hook(lambda *given: None)
    assert 'hooked on' in encoder.why_unknown() and encoder.identity() is None
    handle.remove()
    assert encoder.identity()
    encoder.second.adapter = nn.Linear(2, 2)
    assert 'something was put into the encoder StridedEncoder' in encoder.why_unknown()


def test_mistakes_in_its_class_are_named(own, weights, config):
    class Wrong(own):
        def encode(self, inputs):
            return (self.first(inputs),)

    with pytest.raises(ConfigError, match=r'Wrong.encode\(\) gives maps \(1, 24, 8, 8\), its levels.*say 2 of \(1, 24, 8, 8\)'):
        Wrong(str(weights))(torch.zeros(1, 3, 64, 64))
    with pytest.raises(ConfigError, match=r'the encoder FrozenEncoder has no encode\(self, inputs\)'):
        FrozenEncoder().encode(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ConfigError, match='Unfrozen is not finished: its constructor must end with self.freeze'):

        class Unfrozen(Forgetful):
            def freeze(self):
                pass

        Unfrozen().check_trainable()
    assert encoder_of(own(str(weights)))(torch.zeros(2, 3, 50, 70))[0].shape == (2, 24, 7, 9)  # padded

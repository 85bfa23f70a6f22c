"""Several checkpoints as one file: what is kept of each, and what does not go together."""

import shutil

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_fundus.apis import FundusVesselInferencer
from mmseg_fundus.datasets.synthetic import synthetic_fundus
from mmseg_fundus.engine.config import load_config
from mmseg_fundus.engine.ensemble import merge_members, one_file, use_members
from mmseg_fundus.errors import CheckpointError, ConfigError
from mmseg_fundus.models.checkpoints import read_trained, write_checkpoint
from mmseg_fundus.models.segmentors.members import members_of

PICTURES = [{f'{seed}.png': {'picture': f'hash{seed}'}, 'all.png': {'picture': 'hash'}} for seed in range(4)]


@pytest.fixture
def member(tiny_config, tmp_path):
    """Writes a slim checkpoint of a seed; returns its path."""

    def write(seed, name=None, suffix='pth', change=None, **meta):
        torch.manual_seed(seed)
        model = MODELS.build(Config.fromfile(str(tiny_config())).model)
        with torch.no_grad():
            for parameter in (*model.neck.parameters(), *model.decode_head.parameters()):
                parameter.add_(0.2 * torch.randn(parameter.shape))
        state = model.slim_state_dict(model.state_dict())
        if change:
            change(state)
        training = dict(seed=seed, seconds=10.0, trained_parameters=7, files=PICTURES[seed], earlier_files={}, data={'class': 'DRIVE'})
        path = tmp_path / f'{name or seed}.{suffix}'
        write_checkpoint(path, {'state_dict': state, 'meta': {'epoch': 2, 'training': training, **meta}})
        return path

    return write


def test_the_file_holds_the_encoders_name_once_and_what_is_known_of_all(member):
    merged = merge_members([member(0), member(1, suffix='safetensors'), member(2)])
    state, meta = merged['state_dict'], merged['meta']
    assert members_of(state) == 3 and list(state).count('encoder_sha256') == 1
    assert not any(name.startswith('backbone.') for name in state)
    assert torch.equal(state['others.1.decode_head.conv_seg.weight'], read_trained(member(2))['state_dict']['decode_head.conv_seg.weight'])
    training = meta['training']
    assert training['seed'] == '0, 1, 2' and training['seconds'] == 30 and training['trained_parameters'] == 21 and meta['epoch'] == 2
    assert set(training['files']) == {'0.png', '1.png', '2.png', 'all.png'} and training['data'] == {'class': 'DRIVE'}
    assert [one['name'] for one in meta['members']] == ['0.pth', '1.safetensors', '2.pth'] == training['members']
    assert all(len(one['sha256']) == 64 for one in meta['members'])


def test_files_of_one_name_are_told_apart_by_their_folders(member, tmp_path):
    paths = [tmp_path / name / 'epoch_60.pth' for name in ('seed_1', 'seed_2')]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        shutil.copy(member(number), path)
    meta = merge_members([*paths, member(2)])['meta']
    assert meta['training']['members'] == ['seed_1/epoch_60.pth', 'seed_2/epoch_60.pth', '2.pth']
    assert [one['name'] for one in meta['members']] == meta['training']['members']


def test_an_ensemble_joins_with_its_members(member, tmp_path):
    two = one_file([member(0), member(1)], tmp_path / 'work')
    three = merge_members([two, member(2)])
    assert [one['name'] for one in three['meta']['members']] == ['0.pth', '1.pth', '2.pth']
    apart = merge_members([member(0), member(1), member(2)])
    assert all(torch.equal(tensor, three['state_dict'][name]) for name, tensor in apart['state_dict'].items())
    assert three['meta']['training']['seconds'] == 30 and set(three['meta']['training']['files']) == {'0.png', '1.png', '2.png', 'all.png'}
    with pytest.raises(CheckpointError, match='hold the same network, which would count twice'):
        merge_members([two, member(1)])


def test_a_member_that_does_not_say_its_pictures_leaves_open_which_all_are(member):
    assert merge_members([member(0), member(1, training={'seed': 1})])['meta']['training']['files'] is None


@pytest.mark.parametrize('values, kept', [((0.4, 0.4), 0.4), ((0.4, 0.5), None), ((0.4, None), None), ((None, None), None)])
def test_a_stored_threshold_is_kept_where_all_have_it(member, values, kept):
    stored = [{} if value is None else {'threshold': {'threshold': value, 'Dice': i}} for i, value in enumerate(values)]
    meta = merge_members([member(i, **one) for i, one in enumerate(stored)])['meta']
    assert meta.get('threshold') == (None if kept is None else {'threshold': kept})


def _other_encoder(state):
    state['encoder_sha256'] = torch.zeros(32, dtype=torch.uint8)


def _full(state):
    del state['encoder_sha256']
    state['backbone.cls_token'] = torch.zeros(1, 1, 48)


def _other_width(state):
    state['decode_head.conv_seg.weight'] = torch.zeros(2, 9, 1, 1)


def _normalised(state):
    state['data_preprocessor.mean'] = torch.zeros(3, 1, 1)


def _adapted(state):
    state['backbone.layers.0.lora_up.weight'] = torch.zeros(2, 2)


@pytest.mark.parametrize(
    'change, words',
    [
        (_other_encoder, 'were trained with different encoders'),
        (_full, 'leaves its frozen encoder out, .* holds it'),
        (_other_width, 'are of different networks: decode_head.conv_seg.weight is'),
        (_normalised, 'normalised differently'),
        (_adapted, 'it has an adapter'),
    ],
)
def test_what_does_not_go_together_is_refused_and_named(member, change, words):
    with pytest.raises(CheckpointError, match=words) as error:
        merge_members([member(0), member(1, change=change)])
    assert '1.pth' in str(error.value)


def test_the_same_network_twice_and_a_single_one_are_refused(member):
    with pytest.raises(CheckpointError, match=r'0\.pth and .*copy\.pth hold the same network'):
        merge_members([member(0), member(0, name='copy')])
    with pytest.raises(CheckpointError, match='needs 2 checkpoints or more'):
        merge_members([member(0)])


def test_one_checkpoint_is_loaded_as_it_is_and_an_ensemble_never_replaces_a_member(member, tmp_path):
    assert one_file([member(0)], tmp_path / 'work') == str(member(0)) and not (tmp_path / 'work').exists()
    inside = one_file([member(0), member(1)], tmp_path)
    with pytest.raises(CheckpointError, match='is one of the checkpoints'):
        one_file([inside, member(2)], tmp_path)


def test_a_config_of_another_number_or_model_is_refused(member, tiny_config):
    found = merge_members([member(0), member(1)])
    cfg = load_config(tiny_config())
    assert use_members(cfg, found, 'x') == 2 and cfg.model.type == 'VesselEnsemble' and cfg.model.members == 2
    with pytest.raises(ConfigError, match='x holds one network, the config has model.members=2'):
        use_members(cfg, read_trained(member(0)), 'x')
    cfg.model.type = 'EncoderDecoder'
    with pytest.raises(ConfigError, match='model.type=EncoderDecoder'):
        use_members(cfg, found, 'x')


def test_the_inferencer_takes_several_or_their_file_and_says_how_they_differ(member, tiny_config, tmp_path):
    config, paths, picture = tiny_config(), [member(0), member(1)], synthetic_fundus(1, 64)[0]
    alone = [FundusVesselInferencer(config, path, device='cpu')(picture) for path in paths]
    together = FundusVesselInferencer(config, paths, device='cpu')
    eye, maps = together(picture), np.stack([one.probability for one in alone])
    np.testing.assert_allclose(eye.probability, maps.mean(0), atol=1e-6)
    np.testing.assert_allclose(eye.spread, maps.std(0), atol=1e-6)
    assert alone[0].spread is None and together.members == 2 and together.settings['checkpoint'] == ['0.pth', '1.pth']
    again = FundusVesselInferencer(config, one_file(paths, tmp_path / 'work'), device='cpu')
    assert np.array_equal(again(picture).spread, eye.spread) and again.settings['checkpoint'] == 'ensemble.pth'
    assert eye.draw().shape[1] == 2 * 64 and alone[0].draw().shape[1] == 3 * 64, 'two rows: with the uncertainty there are four panels'

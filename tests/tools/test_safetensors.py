"""Weights and trained models as safetensors files, through the tools and functions that take the others."""

import json
import sys

import numpy as np
import pytest
import torch
from mmseg.apis import inference_model, init_model
from safetensors.torch import load_file, save_file

from mmseg_fundus.errors import CheckpointError
from mmseg_fundus.models.checkpoints import load_from_local, read_trained, write_checkpoint

FULL = ('--weights', 'from_checkpoint')


@pytest.fixture
def tool(root, shell):
    return lambda name, *arguments: shell(sys.executable, root / f'tools/{name}.py', *arguments)


@pytest.fixture
def flat_weights(tmp_path, tiny_weights):
    """The tiny encoder's tensors alone."""
    teacher = torch.load(tiny_weights, weights_only=False)['teacher']
    save_file({name.removeprefix('backbone.'): tensor for name, tensor in teacher.items()}, tmp_path / 'encoder.safetensors')
    return tmp_path / 'encoder.safetensors'


def test_an_exported_model_gives_the_same_figures_as_the_checkpoint(tool, tiny_checkpoint, tmp_path, drive_like):
    config, path = tiny_checkpoint(training={'seed': 3, 'data': {'split': 'train'}}, threshold={'threshold': 0.25}, odd={1, 2})
    figures = []
    for name in ('full.pth', 'full.safetensors'):
        done = tool('export_checkpoint', config, path, name)
        assert done.returncode == 0 and ('left out of meta, JSON cannot hold them: odd' in done.stdout) == (name != 'full.pth')
        done = tool('test', config, name, '--work-dir', name[5:], *FULL)
        assert done.returncode == 0, done.stdout[-2000:]
        results = json.loads((tmp_path / name[5:] / 'results.json').read_text())
        figures.append((results['metrics'], results['report'], results['trained']))
    assert figures[0] == figures[1] and figures[1][2]['seed'] == 3
    whole = torch.load(tmp_path / 'full.pth', weights_only=False)['state_dict']
    assert all(torch.equal(whole[key], tensor) for key, tensor in load_file(tmp_path / 'full.safetensors').items())
    assert whole.keys() == load_file(tmp_path / 'full.safetensors').keys()

    masks = []
    for name in ('full.pth', 'full.safetensors'):
        picture = drive_like / 'test/images'
        done = tool('predict', picture, '-o', f'out{name}', '--config', config, '--checkpoint', name, '--save', 'probability', *FULL)
        assert done.returncode == 0, done.stdout[-2000:]
        masks.append({path.name: path.read_bytes() for path in (tmp_path / f'out{name}').rglob('*.png')})
    assert masks[0] == masks[1] and masks[0]

    done = tool('train', config, '--resume', 'full.safetensors')
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith('error: ') and 'optimizer is missing (a best_*, published or exported file' in last

    done = tool('test', config, 'full.safetensors', '--choose-threshold', 'trainval', '--store-threshold', *FULL)
    assert done.returncode == 0, done.stdout[-2000:]
    stored = read_trained(tmp_path / 'full.safetensors')
    assert stored['meta']['threshold']['split'] == 'trainval' and stored['meta']['training']['seed'] == 3
    assert load_file(tmp_path / 'full.safetensors').keys() == whole.keys()


@pytest.mark.filterwarnings('ignore:dataset_meta or class names')
def test_mmsegmentations_functions_read_it(tiny_checkpoint, tmp_path, drive_like):
    config, path = tiny_checkpoint(dataset_meta={'classes': ('background', 'vessel'), 'palette': [[0, 0, 0], [255, 255, 255]]})
    write_checkpoint(tmp_path / 'x.safetensors', read_trained(path))
    models = [init_model(str(config), str(file), device='cpu') for file in (path, tmp_path / 'x.safetensors')]
    assert list(models[1].dataset_meta['classes']) == ['background', 'vessel']
    picture = str(drive_like / 'test/images/01_test.tif')
    first, second = (inference_model(model, picture).seg_logits.data.numpy() for model in models)
    assert np.array_equal(first, second)


def test_encoder_weights_are_read_and_checked(tool, tiny_vit, tiny_weights, flat_weights):
    other, own = tiny_vit(weights=flat_weights).state_dict(), tiny_vit().state_dict()
    assert all(torch.equal(tensor, other[name]) for name, tensor in own.items())
    arch = ('--arch-options', 'embed_dims=48', 'num_layers=4', 'feedforward_channels=96', '--pretrain-size', '64')
    done = tool('check_weights', flat_weights, *arch)
    assert done.returncode == 0 and 'flat (a dict of tensors)' in done.stdout and 'OK          54/54' in done.stdout, done.stdout
    flat_weights.write_bytes(flat_weights.read_bytes()[:-1])
    done = tool('check_weights', flat_weights, *arch)
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith(f'error: {flat_weights} cannot be read as a safetensors file'), done.stdout


@pytest.mark.parametrize(
    'texts, words',
    [
        ({'meta': '{'}, "its 'meta' is no JSON"),
        ({'meta': '[' * 10**5}, "its 'meta' is no JSON"),
        ({'meta': '[1]'}, 'its meta is a list'),
        ({'meta': '{"training": 1}'}, "meta.'training'. is no dict"),
        ({'meta': '{"threshold": {"threshold": NaN}}'}, 'threshold from 0 to 1'),
        (None, 'no state_dict'),
    ],
)
def test_texts_that_no_export_writes_are_one_clear_error(tmp_path, texts, words):
    save_file({'x': torch.zeros(1)}, tmp_path / 'x.safetensors', metadata=texts)
    with pytest.raises(CheckpointError, match=words) as error:
        read_trained(tmp_path / 'x.safetensors')
    assert str(tmp_path / 'x.safetensors') in str(error.value) and '\n' not in str(error.value) and len(str(error.value)) < 500
    if texts is None:  # as flat weights, it is read
        assert load_from_local(tmp_path / 'x.safetensors').keys() == {'x'}


def test_its_tensors_are_checked_as_those_of_the_others(tmp_path):
    save_file({'x': torch.full((2,), float('nan'))}, tmp_path / 'x.safetensors', metadata={'meta': '{}'})
    with pytest.raises(CheckpointError, match='x holds NaN'):
        read_trained(tmp_path / 'x.safetensors')

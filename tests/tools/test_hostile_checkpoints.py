"""A checkpoint file with code in it never runs, wherever a checkpoint can be given."""

import os
import socket
import sys
from threading import Thread

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmseg.apis import init_model

from mmseg_fundus.apis import FundusVesselInferencer
from mmseg_fundus.errors import CheckpointError, FundusError
from mmseg_fundus.fileio import download
from mmseg_fundus.models.checkpoints import OPT_IN, load_from_elsewhere, load_from_http, load_from_local, read_trained


class Bomb:
    """Unpickling it writes a file: code that would run."""

    def __init__(self, file):
        self.file = str(file)

    def __reduce__(self):
        return open, (self.file, 'w')


@pytest.fixture
def ran(tmp_path):
    return tmp_path / 'ran'


@pytest.fixture(params=['zip', 'legacy'])
def hostile(request, tmp_path, tiny_checkpoint, ran):
    """A config and a checkpoint of it whose ``meta`` has code in it."""
    config, path = tiny_checkpoint()
    content = torch.load(path, weights_only=True)
    content['meta'].update(epoch=1, iter=1, harmless=Bomb(ran))
    torch.save(content, path, _use_new_zipfile_serialization=request.param == 'zip')
    return config, path


def commands(config, path, eyes):
    return {
        'test': ['test', config, path],
        'resume': ['train', config, '--resume', path],
        'load_from': ['train', config, '--cfg-options', f'load_from={path}'],
        'pretrained': ['train', config, '--cfg-options', 'model.init_cfg.type=Pretrained', f'model.init_cfg.checkpoint={path}'],
        'weights': ['train', config, '--weights', path],
        'check_weights': ['check_weights', path],
        'predict': ['predict', eyes, '-o', 'out', '--config', config, '--checkpoint', path],
        'export': ['export', config, path, 'out.onnx'],
        'export_checkpoint': ['export_checkpoint', config, path, 'out.pth'],
        'cache_features': ['cache_features', config, '--cfg-options', f'load_from={path}'],
    }


@pytest.mark.parametrize('place', list(commands('', '', '')))
def test_no_tool_runs_code_in_a_checkpoint(root, shell, hostile, ran, drive_like, place):
    config, path = hostile
    tool, *arguments = commands(config, path, drive_like / 'test/images')[place]
    done = shell(sys.executable, root / f'tools/{tool}.py', *arguments)
    assert not ran.exists()
    assert done.returncode == 1 and 'Traceback' not in done.stdout, done.stdout[-2000:]
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith('error: ') and str(path) in last and '--allow-unsafe' in last


def test_the_newest_checkpoint_of_a_work_folder_is_not_trusted_either(root, shell, hostile, ran, tmp_path):
    config, path = hostile
    (tmp_path / 'work').mkdir()
    path.rename(tmp_path / 'work/epoch_1.pth')
    done = shell(sys.executable, root / 'tools/train.py', config, '--resume')
    assert done.returncode == 1 and not ran.exists()
    assert (tmp_path / 'work/epoch_1.pth').exists(), 'what is on disk stays'


@pytest.mark.parametrize('load', ['init_model', 'load_checkpoint', 'inferencer'])
def test_no_function_runs_code_in_a_checkpoint(hostile, ran, load):
    config, path = hostile
    with pytest.raises(FundusError, match='nothing in it ran'):
        if load == 'init_model':
            init_model(str(config), str(path), device='cpu')
        elif load == 'load_checkpoint':
            load_checkpoint(torch.nn.Linear(1, 1), str(path))
        else:
            FundusVesselInferencer(config, path, device='cpu')
    assert not ran.exists()


def test_a_download_is_not_trusted_either(hostile, ran, served, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    with pytest.raises(CheckpointError, match='nothing in it ran'):
        load_checkpoint(torch.nn.Linear(1, 1), f'{served}/{hostile[1].name}')
    assert not ran.exists()
    with pytest.raises(CheckpointError, match='nowhere.pth could not be downloaded'):
        load_from_http(f'{served}/nowhere.pth')


def test_downloads_of_one_name_from_two_addresses_are_two(served, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        torch.save({'from': folder}, tmp_path / folder / 'model.pth')
    assert [load_from_http(f'{served}/{folder}/model.pth')['from'] for folder in ('a', 'b', 'a')] == ['a', 'b', 'a']


def test_an_inferencer_without_a_config_does_not_run_the_one_in_the_checkpoint(tmp_path, ran):
    from mmseg.apis import MMSegInferencer

    code = f'open({str(ran)!r}, "w")\nmodel = dict(type="EncoderDecoder")\n'
    hub = dict(runtime_info=dict(cfg=code), log_scalars={}, resumed_keys={})
    torch.save(dict(meta=dict(cfg=code, config=code), message_hub=hub, state_dict={}), tmp_path / 'x.pth')
    with pytest.raises(Exception, match='config'):
        MMSegInferencer(None, weights=str(tmp_path / 'x.pth'), device='cpu')
    assert not ran.exists()


def test_explicitly_allowed_it_is_read(hostile, ran, monkeypatch):
    monkeypatch.setenv(OPT_IN, '1')
    assert 'state_dict' in load_from_local(hostile[1])
    assert ran.exists()


def test_a_configuration_inside_a_checkpoint_is_code_and_left_out(root, shell, tiny_config, tmp_path, ran):
    config = tiny_config()
    assert shell(sys.executable, root / 'tools/train.py', config, '--epochs', '1').returncode == 0
    path = tmp_path / 'work/epoch_1.pth'
    content = load_from_local(path)
    code = f'open({str(ran)!r}, "w")\nwork_dir = "x"\n'
    content['meta'].update(config=code, cfg=code)
    content['message_hub']['runtime_info'].update(cfg=code)
    torch.save(content, path)
    done = shell(sys.executable, root / 'tools/train.py', config, '--epochs', '2', '--resume', path)
    assert done.returncode == 0 and 'Epoch(train) [2]' in done.stdout, done.stdout[-2000:]
    assert not ran.exists()


def test_what_is_no_checkpoint_is_one_clear_error(tmp_path):
    torch.save([1, 2], tmp_path / 'list.pth')
    for path, message in ((tmp_path / 'list.pth', 'holds a list'), (tmp_path / 'none.pth', 'checkpoint not found')):
        with pytest.raises(CheckpointError, match=message):
            load_from_local(path)
    with pytest.raises(CheckpointError, match='download it'):
        load_from_elsewhere('s3://bucket/x.pth')


def spoilt():
    """How -> what is done to a checkpoint, and the error's words."""
    nan, name = float('nan'), 'neck.projections.0.conv.weight'

    def part(key, value):
        return lambda content: content.update({key: value})

    def meta(key, value):
        return lambda content: content['meta'].update({key: value})

    def state(key, change):
        return lambda content: content['state_dict'].update({key: change(content['state_dict'].get(key))})

    return {
        'a number as meta': (part('meta', 5), 'meta is a int'),
        'no meta but None': (part('meta', None), 'meta is a NoneType'),
        'a list as state': (part('state_dict', [1]), 'state_dict is a list'),
        'a list as training': (meta('training', [1]), 'training'),
        'a tensor in training': (meta('training', {'x': [torch.zeros(3)]}), 'training'),
        'a number as key in training': (meta('training', {(1, 2): 3}), 'training'),
        'a text as threshold': (meta('threshold', '0.3'), 'threshold from 0 to 1'),
        'NaN as threshold': (meta('threshold', {'threshold': nan}), 'threshold from 0 to 1'),
        'a tensor as threshold': (meta('threshold', {'threshold': torch.zeros(3)}), 'threshold from 0 to 1'),
        'a number as key': (state(5, lambda old: torch.zeros(1)), r'no name \(int\)'),
        'a line break in a key': (state('a\nb', lambda old: torch.zeros(1)), r'no name \(a\\nb\)'),
        'a number as tensor': (state(name, lambda old: 5), f'{name} is a int'),
        'complex': (state(name, lambda old: old.to(torch.complex64).conj()), f'{name} holds torch.complex64'),
        'int8': (state(name, lambda old: old.to(torch.int8)), f'{name} holds torch.int8'),
        'bool': (state(name, lambda old: old > 0), f'{name} holds torch.bool'),
        'integers': (state(name, lambda old: old.long()), f'{name} holds torch.int64'),
        'NaN': (state(name, lambda old: old * nan), f'{name} holds NaN'),
        'beyond float32': (state(name, lambda old: torch.full_like(old, 1e300, dtype=torch.float64)), f'{name} holds NaN or inf'),
        'a text as fingerprint': (state('encoder_sha256', lambda old: 'x'), 'encoder_sha256 is a str'),
        'a float fingerprint': (state('encoder_sha256', lambda old: torch.zeros(32)), 'encoder_sha256 holds torch.float32'),
        'a long fingerprint': (state('encoder_sha256', lambda old: torch.zeros(2, 16, dtype=torch.uint8)), r'\(2, 16\), 32 of uint8'),
    }


@pytest.mark.slow
@pytest.mark.parametrize('how', list(spoilt()))
def test_parts_of_another_type_are_one_clear_error(tiny_checkpoint, how):
    path = tiny_checkpoint()[1]
    content = torch.load(path, weights_only=True)
    change, words = spoilt()[how]
    change(content)
    torch.save(content, path)
    for load in (read_trained, load_from_local):
        with pytest.raises(CheckpointError, match=words) as error:
            load(path)
        assert str(path) in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('tool', ['test', 'export_checkpoint', 'predict'])
def test_a_tool_says_so_in_one_line(root, shell, tiny_checkpoint, drive_like, tool):
    config, path = tiny_checkpoint()
    content = torch.load(path, weights_only=True)
    torch.save({**content, 'meta': [1]}, path)
    done = shell(sys.executable, root / f'tools/{tool}.py', *commands(config, path, drive_like / 'test/images')[tool][1:])
    assert done.returncode == 1 and 'Traceback' not in done.stdout
    assert done.stdout.strip().splitlines()[-1].startswith(f'error: {path} is no checkpoint of a training: its meta is a list')


def test_flat_weights_and_integers_beside_weights_are_read_as_before(tmp_path):
    flat = {'fc.weight': torch.zeros(2), 'index': torch.zeros(2, dtype=torch.int8)}
    state = {'bn.num_batches_tracked': torch.tensor(3), 'attn.relative_position_index': torch.zeros(4, 4, dtype=torch.int64)}
    for content in (flat, {'state_dict': state}):
        torch.save(content, tmp_path / 'x.pth')
        assert list(load_from_local(tmp_path / 'x.pth')) == list(content)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match='x.pth is a pipe or device'):
        read_trained(tmp_path / 'x.pth')


@pytest.mark.parametrize(
    'answer, words',
    [
        (b'\xff\xfe garbage\r\n\r\n', 'could not be downloaded'),
        (b'HTTP/1.0 200 OK\r\nContent-Length: 1000000\r\n\r\nabc', '3 of 1,000,000 bytes came'),
        (b'HTTP/1.0 200 OK\r\nContent-Length: x\r\n\r\nabc', r'http://\S+/x\.pth is a text file'),
        (b'', 'timed out'),
    ],
    ids=['garbage', 'short', 'no checkpoint', 'silent'],
)
def test_what_does_not_come_whole_is_not_kept(tmp_path, monkeypatch, answer, words):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr(download, 'PATIENCE', 1)
    with socket.create_server(('127.0.0.1', 0)) as server:

        def serve():
            talk, _ = server.accept()
            talk.recv(9999)
            talk.sendall(answer)
            if answer:
                talk.close()
            else:
                talk.recv(1)  # until the other side gives up

        thread = Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(CheckpointError, match=words):
            load_from_http(f'http://127.0.0.1:{server.getsockname()[1]}/x.pth')
        thread.join()
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]


def test_an_address_that_is_none_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    for address in ('http://127.0.0.1:1/a b.pth', 'http://127.0.0.1:1/', 'http://[/..'):
        with pytest.raises(CheckpointError, match='could not be downloaded'):
            load_from_http(address)

"""Pickles that ask the usual functions of a checkpoint for what no checkpoint needs."""

import _codecs
import pickle
import struct
import zipfile
from argparse import Namespace
from collections import OrderedDict

import numpy as np
import pytest
import torch

from mmseg_fundus.errors import FileError
from mmseg_fundus.fileio.safe_load import safe_load

scalar = np.float64(1).__reduce__()[0]


class Made:
    """Pickled as a call, and a state perhaps."""

    def __init__(self, *how):
        self.how = how

    def __reduce__(self):
        return self.how


def state(order='<', subarray=None, size=-1, flags=0):
    return 3, order, subarray, None, None, size, -1, flags


HOSTILE = {
    'pointers as an object': Made(scalar, (Made(np.dtype, ('O', False, True), state('|', size=8)), b'\1' * 8)),
    'gigabytes of nothing': Made(scalar, (Made(np.dtype, ('V2000000000',)),)),
    'an array as a number': Made(scalar, (Made(np.dtype, ('f8', False, True), state('V20,')), b'\1' * 99)),
    'a number cut short': Made(scalar, (Made(np.dtype, ('f8', False, True), state()), b'\1' * 4)),
    'zeros without end': Made(bytearray, (10**12,)),
    'a slow codec': Made(_codecs.encode, ('x' * 100, 'punycode')),
    'attributes of a class': Made(getattr, (Namespace, '__eq__')),
}


@pytest.mark.parametrize('what', list(HOSTILE))
@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_it_is_refused(tmp_path, what, zipped):
    torch.save({'x': HOSTILE[what]}, tmp_path / 'x.pth', _use_new_zipfile_serialization=zipped)
    with pytest.raises(FileError, match='x.pth'):
        safe_load(tmp_path / 'x.pth')


def raw(tmp_path, opcodes: bytes):
    """A legacy checkpoint whose contents are these opcodes."""
    torch.save({}, tmp_path / 'x.pth', _use_new_zipfile_serialization=False)
    whole, empty = (tmp_path / 'x.pth').read_bytes(), pickle.dumps({}, protocol=2)
    assert whole.count(empty) == 1
    (tmp_path / 'x.pth').write_bytes(whole.replace(empty, b'\x80\x02' + opcodes + b'.'))
    return tmp_path / 'x.pth'


@pytest.mark.parametrize(
    'opcodes',
    [
        b'cargparse\nNamespace\nN}X\x06\0\0\0hackedK\1s\x86b',  # state of the class itself
        b'ctorch._utils\n_rebuild_tensor\nN}X\x0c\0\0\0__defaults__)s\x86b',  # of a function
        b'ctorch.storage\nUntypedStorage\nK\5\x85R',  # makes a storage
        b'cnumpy\ndtype\n)\x81',  # without its __init__
        b'(K\1icollections\nOrderedDict\n',
    ],
    ids=['class state', 'function state', 'storage', 'new', 'instance'],
)
def test_classes_and_functions_are_neither_changed_nor_made_otherwise(tmp_path, opcodes):
    with pytest.raises(FileError, match='x.pth'):
        safe_load(raw(tmp_path, opcodes))
    assert not hasattr(Namespace, 'hacked') and torch._utils._rebuild_tensor.__defaults__ is None


TENSOR = b'ctorch._utils\n_rebuild_tensor\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\1\0\0\x000X\3\0\0\0cpuK\1NtQK\0))tR'
ORDERED = b'ccollections\nOrderedDict\n'
UNFIT = {
    'a tensor filled': (TENSOR + b'\x88K\1s', 'puts entries into a Tensor'),
    'a tensor added to': (b'\x80\4' + TENSOR + b'(' + TENSOR + b'\x90', 'puts entries into a Tensor'),
    'a tensor appended to': (TENSOR + b'K\1a', 'puts entries into a Tensor'),
    'a tensor extended': (TENSOR + b'(K\1e', 'puts entries into a Tensor'),
    'a deep tuple as a key': (b'})' + b'\x85' * 10**6 + b'K\1s', 'a tuple as a key'),
    'a deep tuple among keys': (b'}()' + b'\x85' * 10**6 + b'K\1u', 'a tuple as a key'),
    'a deep tuple in a set': (b'\x80\4\x8f()' + b'\x85' * 10**6 + b'\x90', 'a tuple as a key or in a set'),
    'a deep tuple in a dict': (b'()' + b'\x85' * 10**6 + b'K\1d', 'a tuple as a key'),
    'a deep tuple as a storage': (
        b'(X\7\0\0\0storagectorch\nFloatStorage\n)' + b'\x85' * 10**6 + b'X\3\0\0\0cpuK\1NtQ',
        'asks for a storage',
    ),
    'a frozenset': (b'\x80\4(K\1\x91', 'KeyError'),
    'a set of a tensor': (b'cbuiltins\nset\n' + TENSOR + b'\x85R', 'calls set with'),
    'a set of a tuple': (b'cbuiltins\nset\n](\x8c\1a)\x85e\x85R', 'a tuple as a key or in a set'),
    'a size of a tensor': (b'ctorch\nSize\n' + TENSOR + b'\x85R', 'calls Size with'),
    'a device of a list': (b'ctorch\ndevice\n]\x85R', 'calls device with'),
    'pairs that are texts': (ORDERED + b'](\x8c\2abe\x85R', 'calls OrderedDict with'),
    'arguments that are a list': (ORDERED + b']R', 'calls OrderedDict with'),
    'another get': (ORDERED + b')R}\x8c\3getK\1sb', 'gives a OrderedDict attributes'),
    'slots': (b'cargparse\nNamespace\n)\x81N}\x8c\1aK\1s\x86b', 'gives a Namespace attributes'),
    'another class': (b'cargparse\nNamespace\n)\x81}\x8c\t__class__K\1sb', 'gives a Namespace attributes'),
    'names that are numbers': (b'cargparse\nNamespace\n)\x81}K\1K\1sb', 'gives a Namespace attributes'),
    'an odd byte order': (b'cnumpy\ndtype\n\x8c\2f8\x85R\x8c\2xxb', 'gives a numpy dtype a state'),
    'keys of one hash': (b'}\x8a\x08' + (2**61 - 1).to_bytes(8, 'little') + b'K\1s', 'keys that are too large'),
    'many tuples as keys': (b'}(' + b''.join(b'M' + struct.pack('<H', i) + b'\x85K\1' for i in range(10_001)) + b'u', 'too many tuples'),
}


@pytest.mark.slow
@pytest.mark.parametrize('what', list(UNFIT))
def test_only_containers_are_filled_and_only_with_plain_keys(tmp_path, what):
    opcodes, words = UNFIT[what]
    with pytest.raises(FileError, match=words) as error:
        safe_load(raw(tmp_path, opcodes))
    assert '\n' not in str(error.value) and str(tmp_path / 'x.pth') in str(error.value)


def short(text):
    return b'X' + struct.pack('<I', len(text)) + text.encode()


@pytest.mark.parametrize(
    'start, call',
    [
        (b'c_codecs\nencode\nq\1' + short('a' * 10**5) + short('latin1') + b'\x86q\2', b'h\1h\2R'),
        (b'cbuiltins\nset\nq\1](' + b'K\1' * 10**5 + b'e\x85q\2', b'h\1h\2R'),
        (ORDERED + b'q\1](' + b']q\3(K\1K\1e' + b'h\3' * 10**5 + b'e\x85q\2', b'h\1h\2R'),
        (b'ctorch\nSize\nq\1(' + b'K\1' * 10**5 + b't\x85q\2', b'h\1h\2R'),
    ],
    ids=['bytes', 'set', 'OrderedDict', 'Size'],
)
def test_copies_of_the_same_without_end_are_refused(tmp_path, start, call):
    with pytest.raises(FileError, match='copies its contents'):
        safe_load(raw(tmp_path, b'(' + start + call * 1000 + b't'))


@pytest.mark.parametrize('mapped', [False, True])
def test_a_storage_longer_than_its_place_in_the_file_is_refused(tmp_path, mapped):
    torch.save({'x': torch.arange(1, 513)}, tmp_path / 'x.pth')
    with zipfile.ZipFile(tmp_path / 'x.pth') as old, zipfile.ZipFile(tmp_path / 'long.pth', 'w') as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith('data.pkl'):
                assert content.count(b'M\0\2') == 2
                content = content.replace(b'M\0\2', b'M\0\3')
            new.writestr(name, content)
    with pytest.raises(FileError, match='storage 0 is said to be larger'):
        safe_load(tmp_path / 'long.pth', mapped=mapped)


def test_numpys_own_dtype_stays_as_it_is(tmp_path):
    torch.save({'x': Made(np.dtype, ('f8', False, False), state('>'))}, tmp_path / 'x.pth')
    safe_load(tmp_path / 'x.pth')
    assert np.dtype('f8').isnative


@pytest.mark.parametrize('protocol', [2, 4])
@pytest.mark.parametrize('forced', [False, True], ids=['', 'torch forced to its own safe load'])
def test_what_checkpoints_hold_is_read(tmp_path, monkeypatch, protocol, forced):
    if forced:
        monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
    layer = torch.nn.Linear(2, 1)
    content = {
        'state_dict': layer.state_dict(),
        'parameter': layer.weight,
        'half': torch.ones(2, dtype=torch.bfloat16),
        'numbers': [np.float64(3.5), np.float32(0.5), np.int64(-5), np.bool_(True), np.array([2.5], '>f8')[0]],
        'args': Namespace(lr=1e-3, names=['a'], size=torch.Size([2]), device=torch.device('cpu')),
        'others': [
            {1, 2},
            (None, True),
            b'\xff\0',
            'é',
            2**70,
            torch.float16,
            {('a', 1), 'b'},
            OrderedDict(a=[1], b=(2,)),
            set(range(10**4)),
        ],
        'keys': {b'a': 1, 2: [3] * 2000, 0.5: {}, None: (), True: [], (1, 'a'): 1, torch.float16: 2, torch.device('cpu'): b'\xe9' * 10**5},
    }
    torch.save(content, tmp_path / 'x.pth', pickle_protocol=protocol)
    found = safe_load(tmp_path / 'x.pth')
    assert found['state_dict']._metadata == content['state_dict']._metadata
    assert torch.equal(found['state_dict']['weight'], layer.weight) and torch.equal(found['parameter'], layer.weight)
    assert found['half'].dtype == torch.bfloat16 and found['numbers'] == [3.5, 0.5, -5, True, 2.5]
    assert [type(number) for number in found['numbers'][:4]] == [np.float64, np.float32, np.int64, np.bool_]
    assert found['args'] == content['args'] and found['others'] == content['others']
    assert found['keys'] == content['keys']
    torch.nn.Linear(2, 1).load_state_dict(found['state_dict'])

"""Pickles that ask the usual functions of a checkpoint for what no checkpoint needs."""

import _codecs
import pickle
from argparse import Namespace

import numpy as np
import pytest
import torch

from mmseg_fundus.errors import WeightsError
from mmseg_fundus.models.safe_load import safe_load

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
    with pytest.raises(WeightsError, match='x.pth'):
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
    with pytest.raises(WeightsError, match='x.pth'):
        safe_load(raw(tmp_path, opcodes))
    assert not hasattr(Namespace, 'hacked') and torch._utils._rebuild_tensor.__defaults__ is None


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
        'others': [{1, 2}, (None, True), b'\xff\0', 'é', 2**70, torch.float16],
    }
    torch.save(content, tmp_path / 'x.pth', pickle_protocol=protocol)
    found = safe_load(tmp_path / 'x.pth')
    assert found['state_dict']._metadata == content['state_dict']._metadata
    assert torch.equal(found['state_dict']['weight'], layer.weight) and torch.equal(found['parameter'], layer.weight)
    assert found['half'].dtype == torch.bfloat16 and found['numbers'] == [3.5, 0.5, -5, True, 2.5]
    assert [type(number) for number in found['numbers'][:4]] == [np.float64, np.float32, np.int64, np.bool_]
    assert found['args'] == content['args'] and found['others'] == content['others']
    torch.nn.Linear(2, 1).load_state_dict(found['state_dict'])

"""What mmengine writes into checkpoints beside tensors is read as it is; forged states of it are refused."""

import collections
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

from mmseg_fundus.errors import FileError
from mmseg_fundus.fileio.safe_load import safe_load


class Made:
    """Pickled as a call, and a state perhaps."""

    def __init__(self, *how):
        self.how = how

    def __reduce__(self):
        return self.how


@pytest.mark.parametrize('protocol', [2, 4])
@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_curves_arrays_and_parts_of_configs_are_read(tmp_path, protocol, zipped):
    hub = MessageHub.get_instance(f'{tmp_path.name}-{protocol}')
    for value in (0.5, 0.25):
        hub.update_scalar('train/loss', value)
    hub.update_info('dataset_meta', ConfigDict(classes=('a', 'b'), palette=ConfigDict(a=[0, 0, 0])))
    arrays = [
        np.arange(6, dtype='>i2').reshape(2, 3),
        np.asfortranarray(np.eye(2, dtype='f4')),
        np.zeros(0),
        np.array([True]),
        np.array(3.5),
    ]
    torch.save(
        {'hub': hub.state_dict(), 'arrays': arrays}, tmp_path / 'x.pth', pickle_protocol=protocol, _use_new_zipfile_serialization=zipped
    )
    found = safe_load(tmp_path / 'x.pth')
    curve = found['hub']['log_scalars']['train/loss']
    assert type(curve) is HistoryBuffer and [column.tolist() for column in curve.data] == [[0.5, 0.25], [1, 1]]
    curve.update(0.3)
    assert curve.statistics('mean', 2) == pytest.approx(0.275) and curve.statistics('current') == 0.3 and curve.max_length == 1_000_000
    assert found['hub']['runtime_info']['dataset_meta'] == {'classes': ('a', 'b'), 'palette': {'a': [0, 0, 0]}}
    assert type(found['hub']['runtime_info']['dataset_meta']) is dict
    for array, read in zip(arrays, found['arrays']):
        assert np.array_equal(array, read) and read.dtype == array.dtype.newbyteorder('=')
    torch.save(found, tmp_path / 'again.pth')
    assert safe_load(tmp_path / 'again.pth')['hub']['log_scalars']['train/loss'].data[0].tolist() == [0.5, 0.25, 0.3]


OWN = dict(
    step_size=2, milestones=[1, 2], gamma=0.5, eta_max=0.1, total_steps=9, periods=[3, 9], restart_weights=[1, 0.5], eta_min=0.0, T_max=9
)
OWN_OF = {
    'Step': ['step_size'],
    'MultiStep': ['milestones'],
    'Exponential': ['gamma'],
    'OneCycle': ['eta_max', 'total_steps'],
    'CosineRestart': ['periods', 'restart_weights', 'eta_min'],
    'CosineAnnealing': ['T_max'],
}


@pytest.mark.parametrize('name', sorted(name for name in PARAM_SCHEDULERS.module_dict if name.endswith(('LR', 'Momentum'))))
def test_the_state_of_every_schedule_is_read_as_it_was(tmp_path, name):
    begin = next((start for start in OWN_OF if name.startswith(start)), None)
    optimizer = OptimWrapper(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9))
    more = {key: OWN[key] for key in OWN_OF.get(begin, [])} | (dict(end=9) if name.startswith(('Poly', 'Linear', 'Constant')) else {})
    state = PARAM_SCHEDULERS.build(dict(type=name, optimizer=optimizer, **more)).state_dict()
    torch.save(state, tmp_path / 'x.pth')
    assert safe_load(tmp_path / 'x.pth') == state


VALUES, COUNTS = np.array([1.0, 2.0]), np.array([1, 1])


def forged(**state):
    made = HistoryBuffer.__new__(HistoryBuffer)
    vars(made).update({'max_length': 10, '_log_history': VALUES, '_count_history': COUNTS, **state})
    return made


def array(shape, dtype, data):
    return Made(np.arange(1).__reduce__()[0], (np.ndarray, (0,), b'b'), (1, shape, dtype, False, data))


FORGED = {
    'no values': forged(_log_history=np.zeros(0), _count_history=np.zeros(0)),
    'values without counts': forged(_count_history=np.array([1])),
    'values in a table': forged(_log_history=np.eye(2), _count_history=np.eye(2)),
    'values that are a list': forged(_log_history=[1.0, 2.0]),
    'values that are a tensor': forged(_log_history=torch.ones(2)),
    'no room': forged(max_length=0),
    'room that is a text': forged(max_length='9'),
    'more values than room': forged(max_length=1),
    'another method': forged(update=1),
    'an array of objects': array((1,), np.dtype('O'), b'\1' * 8),
    'an array longer than its bytes': array((10**9,), np.dtype('f8'), b'\1' * 8),
    'an array shorter than its bytes': array((1,), np.dtype('f8'), b'\1' * 16),
    'an array of a negative length': array((-1, -1), np.dtype('f8'), b'\1' * 8),
    'an array of records': array((1,), np.dtype('f4,f4'), b'\1' * 8),
    'an array of texts': array((1,), np.dtype('U2'), b'\1' * 8),
    'an array of a subclass': Made(np.arange(1).__reduce__()[0], (np.matrix, (0,), b'b')),
    'any attribute': Made(getattr, (HistoryBuffer, 'update')),
    'an attribute of its class': Made(getattr, (HistoryBuffer, '__init__')),
    'an attribute of a text': Made(getattr, ('x', 'format')),
    'a call of a curve': Made(HistoryBuffer, ([1], [1])),
    'a call of its method': Made(HistoryBuffer.min, (forged(),)),
    'a call of an array': Made(np.ndarray, ((2**40,),)),
    'a count of a text': Made(collections.Counter, ('aab',)),
    'a count of texts': Made(collections.Counter, ({'a': 'b'},)),
    'a config with code': Made(ConfigDict, ([('a', 1)],)),
}


@pytest.mark.parametrize('what', list(FORGED))
@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_a_forged_state_is_refused(tmp_path, what, zipped):
    torch.save({'x': FORGED[what]}, tmp_path / 'x.pth', _use_new_zipfile_serialization=zipped)
    with pytest.raises(FileError, match='x.pth') as error:
        safe_load(tmp_path / 'x.pth')
    assert '\n' not in str(error.value)


def test_methods_in_a_file_do_not_become_those_of_curves(tmp_path):
    before = dict(HistoryBuffer._statistics_methods)
    torch.save(forged(statistics_methods={'mean': 1, 'evil': HistoryBuffer.min}), tmp_path / 'x.pth')
    read = safe_load(tmp_path / 'x.pth')
    assert HistoryBuffer._statistics_methods == before and 'statistics_methods' not in vars(read)
    assert read.statistics('mean') == 1.5


def test_a_curve_without_a_state_has_a_value_and_an_array_is_filled_once(tmp_path):
    name = b'cmmengine.logging.history_buffer\nHistoryBuffer\n)\x81'
    torch.save({}, tmp_path / 'x.pth', _use_new_zipfile_serialization=False)
    whole, empty = (tmp_path / 'x.pth').read_bytes(), pickle.dumps({}, protocol=2)
    (tmp_path / 'x.pth').write_bytes(whole.replace(empty, b'\x80\x02' + name + b'.'))
    assert safe_load(tmp_path / 'x.pth').statistics('current') == 0.0
    once = pickle.dumps(np.ones(1), protocol=2)
    state = once[once.rindex(b'K\1K\1\x85') - 1 : -1]  # from the mark to BUILD
    twice = once[:-1] + state + b'.'
    (tmp_path / 'x.pth').write_bytes(whole.replace(empty, twice))
    with pytest.raises(FileError, match='gives a numpy array a state'):
        safe_load(tmp_path / 'x.pth')


def test_arrays_of_the_same_bytes_without_end_are_refused(tmp_path):
    torch.save({}, tmp_path / 'x.pth', _use_new_zipfile_serialization=False)
    whole, empty = (tmp_path / 'x.pth').read_bytes(), pickle.dumps({}, protocol=2)
    data = b'c_codecs\nencode\nX' + (8 * 10**5).to_bytes(4, 'little') + b'\0' * 8 * 10**5 + b'X\6\0\0\0latin1\x86Rq\1'
    make = b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85c_codecs\nencode\nX\1\0\0\0bX\6\0\0\0latin1\x86RtR'
    fill = b'(K\1J' + (10**5).to_bytes(4, 'little') + b'\x85cnumpy\ndtype\nX\2\0\0\0f8\x85R\x89h\1tb'
    (tmp_path / 'x.pth').write_bytes(whole.replace(empty, b'\x80\x02(' + data + (make + fill) * 100 + b't.'))
    with pytest.raises(FileError, match='copies its contents'):
        safe_load(tmp_path / 'x.pth')

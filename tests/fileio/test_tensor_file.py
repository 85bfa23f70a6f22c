"""Safetensors files, told by their contents: read whole or refused in one line; written whole or not at all."""

import json
import resource
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from mmseg_fundus.errors import FileError, WriteError
from mmseg_fundus.fileio.safe_load import safe_load
from mmseg_fundus.fileio.tensor_file import MOST_HEADER, NamedTensors, is_safetensors, save_safetensors
from mmseg_fundus.fileio.whole_files import write_whole

TENSORS = {
    'a': torch.arange(6.0).reshape(2, 3),
    'half': torch.ones(3, dtype=torch.bfloat16),
    'count': torch.tensor(3),
    'digest': torch.arange(32, dtype=torch.uint8),
    'none': torch.zeros(0, 4),
}


def raw(path, header, data=b'', length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack('<Q', len(text) if length is None else length) + text + data)
    return path


@pytest.mark.parametrize('mapped', [False, True])
def test_tensors_and_texts_are_read_whatever_the_files_name(tmp_path, mapped):
    save_file(TENSORS, tmp_path / 'x.pth', metadata={'about': 'é\n'})
    found = safe_load(tmp_path / 'x.pth', mapped=mapped)
    assert type(found) is NamedTensors and found.metadata == {'about': 'é\n'} and found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype
    found['a'] += 1  # of the reader, not of the file
    assert torch.equal(safe_load(tmp_path / 'x.pth')['a'], TENSORS['a'])


def test_a_torch_checkpoint_under_the_other_name_is_read_too(tmp_path):
    torch.save(TENSORS, tmp_path / 'x.safetensors')
    assert not is_safetensors(tmp_path / 'x.safetensors') and torch.equal(safe_load(tmp_path / 'x.safetensors')['a'], TENSORS['a'])


def test_a_text_whose_ninth_sign_is_a_brace_is_a_text(tmp_path):
    (tmp_path / 'x.safetensors').write_text('headers={"a": 1}')
    with pytest.raises(FileError, match="is a text file.*'headers="):
        safe_load(tmp_path / 'x.safetensors')


def test_mapped_tensors_stay_in_the_file(tmp_path):
    save_file({'x': torch.zeros(25_000_000)}, tmp_path / 'x.safetensors')

    def resident():
        return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()

    before = resident()
    found = safe_load(tmp_path / 'x.safetensors', mapped=True)
    assert found['x'].shape == (25_000_000,) and resident() - before < 2**25
    assert found['x'].sum() == 0


def entry(start, end, shape=(1,), dtype='F32'):
    return {'dtype': dtype, 'shape': shape, 'data_offsets': [start, end]}


BAD = {
    'no JSON': (b'{"a":', b'', 'damaged or cut off'),
    'a list as header': (b'{}[]', b'', 'damaged or cut off'),
    'no offsets': ({'a': {'dtype': 'F32', 'shape': [1]}}, b'\0' * 4, 'damaged or cut off'),
    'an unknown type': ({'a': entry(0, 4, dtype='X9')}, b'\0' * 4, 'damaged or cut off'),
    'another size': ({'a': entry(0, 4, (2,))}, b'\0' * 4, 'damaged or cut off'),
    'a negative offset': ({'a': entry(-4, 0)}, b'\0' * 4, 'damaged or cut off'),
    'a negative shape': ({'a': entry(0, 4, (-1, -1))}, b'\0' * 4, 'damaged or cut off'),
    'sizes that overflow': ({'a': entry(0, 0, (2**62, 2**62))}, b'', 'damaged or cut off'),
    'a shape of petabytes': ({'a': entry(0, 4, (2**50,))}, b'\0' * 4, 'damaged or cut off'),
    'two on one place': ({'a': entry(0, 4), 'b': entry(0, 4)}, b'\0' * 4, 'damaged or cut off'),
    'a hole': ({'a': entry(0, 4), 'b': entry(8, 12)}, b'\0' * 12, 'damaged or cut off'),
    'more than it says': ({'a': entry(0, 4)}, b'\0' * 5, 'damaged or cut off'),
    'cut off': ({'a': entry(0, 4)}, b'\0' * 3, 'damaged or cut off'),
    'metadata that is no text': ({'__metadata__': {'a': 1}}, b'', 'damaged or cut off'),
    'nested without end': (b'{"a":' * 10**5 + b'1' + b'}' * 10**5, b'', 'damaged or cut off'),
    'a name that is no unicode': (b'{"\xff":1}', b'', 'damaged or cut off'),
}


@pytest.mark.parametrize('what', list(BAD))
@pytest.mark.parametrize('mapped', [False, True])
def test_a_damaged_file_is_one_clear_line(tmp_path, what, mapped):
    header, data, words = BAD[what]
    raw(tmp_path / 'x.pth', header, data)
    with pytest.raises(FileError, match=words) as error:
        safe_load(tmp_path / 'x.pth', mapped=mapped)
    assert str(tmp_path / 'x.pth') in str(error.value) and '\n' not in str(error.value) and len(str(error.value)) < 600


@pytest.mark.parametrize('length', [100, 2**31, 2**63, 2**64 - 1])
def test_a_header_said_to_be_longer_than_the_file_is_refused(tmp_path, length):
    raw(tmp_path / 'x.pth', {}, b' ' * 20, length)
    with pytest.raises(FileError, match=f'header alone is said to have {length:,}'):
        safe_load(tmp_path / 'x.pth')


def test_a_header_of_many_megabytes_is_refused(tmp_path):
    raw(tmp_path / 'x.pth', b'{}' + b' ' * MOST_HEADER)
    with pytest.raises(FileError, match='at most 16,777,216 are read'):
        safe_load(tmp_path / 'x.pth')


def test_every_truncation_is_refused(tmp_path):
    save_file(TENSORS, tmp_path / 'whole')
    whole = (tmp_path / 'whole').read_bytes()
    for length in range(1, len(whole)):
        (tmp_path / 'x.pth').write_bytes(whole[:length])
        with pytest.raises(FileError, match='x.pth'):
            safe_load(tmp_path / 'x.pth')


def test_what_is_written_is_read_by_the_package_and_anybody_may_read_it(tmp_path):
    tensors = {**TENSORS, 'turned': TENSORS['a'].T, 'same': TENSORS['a'], 'parameter': torch.nn.Parameter(torch.ones(2))}
    write_whole(tmp_path / 'x.safetensors', lambda temporary: save_safetensors(tensors, temporary, {'about': 'x'}))
    read = load_file(tmp_path / 'x.safetensors')
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items()) and read.keys() == tensors.keys()
    assert safe_load(tmp_path / 'x.safetensors').metadata == {'about': 'x'}
    (tmp_path / 'usual').touch()
    assert (tmp_path / 'x.safetensors').stat().st_mode == (tmp_path / 'usual').stat().st_mode


def test_a_full_disk_leaves_what_was_there(tmp_path):
    (tmp_path / 'x.safetensors').write_text('before')
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(WriteError, match='x.safetensors could not be written .File too large'):
            write_whole(tmp_path / 'x.safetensors', lambda temporary: save_safetensors({'x': torch.zeros(10**4)}, temporary))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ['x.safetensors'] and (tmp_path / 'x.safetensors').read_text() == 'before'

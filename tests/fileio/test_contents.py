"""A checkpoint that is small on disk and endless in memory is refused."""

import tarfile

import pytest
import torch

from mmseg_fundus.errors import FileError
from mmseg_fundus.fileio.safe_load import safe_load


def nested(levels):
    inner = {}
    for _ in range(levels):
        inner = {'x': inner}
    return inner


def doubled(levels):
    inner = [0]
    for _ in range(levels):
        inner = [inner, inner]
    return inner


def itself():
    inner = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize(
    'content, words',
    [
        (itself(), 'hold themselves'),
        (nested(100), 'nested more than'),
        (doubled(40), 'repeat themselves'),
        ({'x': torch.zeros(1).expand(10**6, 10**6)}, 'its tensors repeat'),
        ({i: torch.zeros(1).expand(10**4, 10**4) for i in range(20)}, 'its tensors repeat'),
    ],
    ids=['itself', 'nested', 'doubled', 'expanded', 'many expanded'],
)
@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'legacy'])
def test_endless_contents_are_refused(tmp_path, content, words, zipped):
    torch.save(content, tmp_path / 'bomb.pth', _use_new_zipfile_serialization=zipped)
    with pytest.raises(FileError, match=words):
        safe_load(tmp_path / 'bomb.pth')


def test_shared_and_nested_contents_of_a_usual_size_are_read(tmp_path):
    shared = torch.ones(3)
    torch.save({'a': shared, 'b': shared, 'c': nested(20), 'd': doubled(5)}, tmp_path / 'x.pth')
    assert torch.equal(safe_load(tmp_path / 'x.pth')['b'], shared)


def test_a_tar_archive_is_refused(tmp_path):
    with tarfile.open(tmp_path / 'old.pth', 'w') as archive:
        archive.add(__file__, 'storages')
    with pytest.raises(FileError, match='tar archive'):
        safe_load(tmp_path / 'old.pth')

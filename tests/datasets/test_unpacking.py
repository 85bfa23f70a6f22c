"""A public data set's archives, as downloaded, become the folders its class reads."""

import errno
import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from mmseg_fundus.datasets import PUBLIC, unpacking
from mmseg_fundus.datasets.synthetic import write_drive_layout
from mmseg_fundus.datasets.unpacking import unpack
from mmseg_fundus.errors import ConfigError, DataError

from . import layouts


def zipped(folder: Path, archive: Path, below='', flat=False) -> Path:
    with zipfile.ZipFile(archive, 'w') as file:
        for path in sorted(p for p in folder.rglob('*') if p.is_file()):
            file.write(path, path.name if flat else f'{below}{path.relative_to(folder)}')
    return archive


def tarred(folder: Path, archive: Path) -> Path:
    with tarfile.open(archive, 'w:gz' if archive.suffix == '.tgz' else 'w') as file:
        for path in sorted(folder.iterdir()):
            file.add(path, path.name)
    return archive


def same_files(a: Path, b: Path) -> bool:
    def files(root):
        return {p.relative_to(root): p.read_bytes() for p in root.rglob('*') if p.is_file() and p.name != 'Thumbs.db'}

    return files(a) == files(b)


@pytest.fixture
def source(tmp_path):
    return tmp_path / 'source'


@pytest.mark.slow
def test_drive_from_an_archive_of_archives(source, tmp_path):
    write_drive_layout(source, size=32)
    inner = [zipped(source / part, tmp_path / f'{part}.zip', below=f'{part}/') for part in ('training', 'test')]
    with zipfile.ZipFile(tmp_path / 'datasets.zip', 'w') as outer:
        for archive in inner:
            outer.write(archive, f'datasets/{archive.name}')
        outer.writestr('__MACOSX/datasets/._21_training.tif', b'x')
    found = unpack('DRIVE', [tmp_path / 'datasets.zip'], tmp_path / 'DRIVE')
    assert same_files(source, tmp_path / 'DRIVE') and found['training/images/*'] == 20 and found['left out'] == 1
    assert len(PUBLIC['DRIVE'](tmp_path / 'DRIVE', 'test')) == 20


def test_stare_from_its_three_flat_archives(source, tmp_path):
    layouts.write_stare(source, gz=True)
    archives = [tarred(folder, tmp_path / f'{folder.name}.tar') for folder in sorted(source.iterdir())]
    unpack('STARE', archives, tmp_path / 'new' / 'STARE')
    assert same_files(source, tmp_path / 'new' / 'STARE')


@pytest.mark.parametrize(
    'name, write, flat', [('CHASE_DB1', layouts.write_chase, True), ('HRF', layouts.write_hrf, True), ('HRF', layouts.write_hrf, False)]
)
def test_chase_db1_and_hrf(source, tmp_path, name, write, flat):
    write(source)
    found = unpack(name, [zipped(source, tmp_path / 'all.zip', flat=flat)], tmp_path / name)
    assert same_files(source, tmp_path / name) and found['left out'] == (name == 'CHASE_DB1')


def nothing_left(tmp_path):
    return not [p for p in tmp_path.iterdir() if 'out' in p.name]


SPOIL = {
    'a file short': (
        lambda d, a: ((d / 'Image_05L.jpg').unlink(), zipped(d, a)),
        r'a.zip: 27 files for CHASE_DB1 named like .* 28 expected',
    ),
    'a file twice': (
        lambda d, a: (zipped(d, a), zipfile.ZipFile(a, 'a').writestr('b/Image_05L.jpg', b'')),
        'b/Image_05L.jpg is there twice',
    ),
    'truncated': (lambda d, a: a.write_bytes(zipped(d, a).read_bytes()[:-900]), 'a.zip is no whole zip or tar archive'),
    'a bit wrong': (
        lambda d, a: a.write_bytes(zipped(d, a).read_bytes().replace((d / 'Image_05L.jpg').read_bytes()[:400], b'\0' * 400)),
        'a.zip is damaged',
    ),
    'rar': (lambda d, a: a.write_bytes(b'Rar!' + bytes(100)), 'no whole zip or tar archive.*rar'),
    'missing': (lambda d, a: None, 'a.zip: archive not found'),
}


@pytest.mark.parametrize('case', SPOIL)
def test_a_bad_archive_is_named_and_leaves_nothing(source, tmp_path, case):
    make, words = SPOIL[case]
    make(layouts.write_chase(source), tmp_path / 'a.zip')
    with pytest.raises(DataError, match=words):
        unpack('CHASE_DB1', [tmp_path / 'a.zip'], tmp_path / 'out')
    assert nothing_left(tmp_path)


def test_no_archive_writes_outside_its_folder(source, tmp_path):
    layouts.write_chase(source)
    with tarfile.open(tmp_path / 'a.tar', 'w') as file:
        for path in sorted(source.iterdir()):
            file.add(path, f'../../{path.name}' if path.name == 'Image_05L.jpg' else f'/etc/{path.name}')
        link = tarfile.TarInfo('Image_99L.jpg')
        link.type, link.linkname = tarfile.SYMTYPE, '/etc/passwd'
        file.addfile(link)
        file.addfile(tarfile.TarInfo('../../evil.txt'), io.BytesIO())
    before = {p for p in tmp_path.parent.iterdir()}
    unpack('CHASE_DB1', [tmp_path / 'a.tar'], tmp_path / 'out')
    assert same_files(source, tmp_path / 'out') and {p for p in tmp_path.parent.iterdir()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a.tar', 'out', 'source']


def test_a_picture_that_is_too_large_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.setattr('mmseg_fundus.datasets.unpacking._LARGEST', 100)
    with pytest.raises(DataError, match='is larger than'):
        unpack('CHASE_DB1', [zipped(layouts.write_chase(source), tmp_path / 'a.zip')], tmp_path / 'out')
    assert nothing_left(tmp_path)


@pytest.mark.parametrize('kind', ['gz', 'bz2', 'xz'])
def test_a_damaged_compressed_archive_leaves_nothing(source, tmp_path, kind):
    layouts.write_chase(source)
    path = tmp_path / f'a.tar.{kind}'
    with tarfile.open(path, f'w:{kind}') as file:
        file.add(source, '.')
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    path.write_bytes(data)
    with pytest.raises(DataError, match='a.tar'):
        unpack('CHASE_DB1', [path], tmp_path / 'out')
    assert nothing_left(tmp_path)


def long_header(kind, size):
    """A packed tar archive whose one header is of many bytes."""
    header = tarfile.TarInfo('x')
    header.type, header.size = kind, size
    return gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(size + 10240))


def many(path):
    with tarfile.open(path, 'w') as file:
        for i in range(60):
            file.addfile(tarfile.TarInfo(f'{i}'))


def sparse(path):
    header = tarfile.TarInfo('x')
    header.type = tarfile.GNUTYPE_SPARSE
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(10240))


def other_method(path):
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_BZIP2) as file:
        file.writestr('Image_05L.jpg', bytes(10**6))


def many_zipped(path):
    with zipfile.ZipFile(path, 'w') as file:
        for i in range(300):
            file.writestr(f'{i}', b'')


ENDLESS = {
    'pax': (lambda p: p.write_bytes(long_header(tarfile.XHDTYPE, 2**22)), 'has a header of 4,194,304 bytes'),
    'global pax': (lambda p: p.write_bytes(long_header(tarfile.XGLTYPE, 2**22)), 'has a header of 4,194,304 bytes'),
    'long name': (lambda p: p.write_bytes(long_header(tarfile.GNUTYPE_LONGNAME, 2**22)), 'has a header of 4,194,304 bytes'),
    'sparse': (sparse, 'holds a sparse file'),
    'many': (many, 'more than 50 files'),
    'many, zipped': (many_zipped, 'more than 50 files'),
    'bzip2 in zip': (other_method, 'packed with a method that is not read here'),
    'pipe': (os.mkfifo, 'no regular file'),
}


@pytest.mark.parametrize('case', ENDLESS)
def test_an_archive_without_an_end_is_refused_before_it_fills_the_memory(tmp_path, case, monkeypatch):
    monkeypatch.setattr(unpacking, '_MOST_FILES', 50)
    make, words = ENDLESS[case]
    make(tmp_path / 'a.tgz')
    with pytest.raises(DataError, match=f'a.tgz.*{words}'):
        unpack('CHASE_DB1', [tmp_path / 'a.tgz'], tmp_path / 'out')
    assert nothing_left(tmp_path)


@pytest.mark.parametrize('error', [OSError(errno.EINVAL, 'Invalid argument'), IndexError(), UnicodeDecodeError('utf-8', b'', 0, 1, 'x')])
def test_whatever_reading_raises_is_a_damaged_archive_but_a_full_disk_is_not(source, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    archive = zipped(layouts.write_chase(source), tmp_path / 'a.zip')
    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipExtFile, 'read', fail)
        with pytest.raises(DataError, match='a.zip is damaged or protected .*download it again'):
            unpack('CHASE_DB1', [archive], tmp_path / 'out')
    monkeypatch.setattr(Path, 'open', lambda path, mode: open('/dev/full' if 'w' in mode else path, mode))
    with pytest.raises(OSError, match='No space left'):
        unpack('CHASE_DB1', [archive], tmp_path / 'out')
    assert nothing_left(tmp_path)


def test_what_the_check_refuses_leaves_nothing(source, tmp_path):
    def check(folder):
        assert len(PUBLIC['CHASE_DB1'](folder, 'all')) == 28
        raise DataError('no')

    with pytest.raises(DataError, match='no'):
        unpack('CHASE_DB1', [zipped(layouts.write_chase(source), tmp_path / 'a.zip')], tmp_path / 'out', check=check)
    assert nothing_left(tmp_path)


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'mine').touch()
    with pytest.raises(DataError, match='out exists and is not empty; nothing was changed'):
        unpack('DRIVE', [tmp_path / 'a.zip'], tmp_path / 'out')
    with pytest.raises(ConfigError, match='no data set that can be unpacked; there are DRIVE, STARE'):
        unpack('drive', [], tmp_path / 'other')

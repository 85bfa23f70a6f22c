"""Checks of the zip archive that a torch checkpoint is."""

import struct
import zipfile
from pathlib import Path

from ..errors import FileError

PROGRAM = '{} is a TorchScript program, not a checkpoint of weights'


def _check_end(path: Path, size: str) -> None:
    """Refuse an archive in which two readers can see different members.

    Python's zipfile takes the table of contents that ends where the end record starts, torch's reader the one at the offset that
    the record names; the 64 bit record likewise.  Torch writes files in which these are the same place.
    """
    end = path.stat().st_size - 22
    with path.open('rb') as file:
        file.seek(max(end - 76, 0))
        tail = file.read()
    mark, length, offset, comment = struct.unpack('<4s8xIIH', tail[-22:])
    wide = len(tail) == 98 and tail[56:60] == b'PK\6\7'
    if wide:
        end -= 76
        mark64, length, offset = struct.unpack('<4s36xQQ', tail[:56])
        wide = mark64 == b'PK\6\6' and struct.unpack('<Q', tail[64:72])[0] == end
    if mark != b'PK\5\6' or comment or offset + length != end or (tail[-42:-38] == b'PK\6\7' and not wide):
        raise FileError(
            f'{path} is damaged: its table of contents is not at the end of the file, where torch writes it ({size}); '
            'copy or download it again'
        )


def check_members(path: Path, size: str) -> None:
    """Refuse a zip file that is no torch checkpoint, or whose members are more than lies in it."""
    if not zipfile.is_zipfile(path):
        raise FileError(f'{path} is cut off: it starts as a torch checkpoint but its end is missing ({size}); copy or download it again')
    _check_end(path, size)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    names = [member.filename.split('/')[-1] for member in members]
    if 'constants.pkl' in names:
        raise FileError(PROGRAM.format(path))
    if 'data.pkl' not in names:
        raise FileError(f'{path} is a zip archive but no torch checkpoint (it holds {", ".join(names[:3])}); unpack it')
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise FileError(f'{path} is a compressed zip archive, which torch never writes; unpack it, or download the original')
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise FileError(f'{path} is damaged: its members claim more than the file holds ({size}); copy or download it again')


def stored_sizes(path: Path) -> dict[str, int] | None:
    """Bytes of each storage of a zip-format checkpoint by its name; None for another format."""
    with path.open('rb') as file:
        if file.read(2) != b'PK':
            return None
    sizes: dict[str, int] = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            folder, _, name = member.filename.rpartition('/')
            if folder.split('/')[-1] == 'data':
                sizes[name] = min(member.file_size, sizes.get(name, member.file_size))
    return sizes


def is_whole(path: Path) -> bool:
    """Whether a file is a complete zip-format checkpoint whose contents match their checksums; nothing is unpickled."""
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        check_members(path, '')
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # noqa: BLE001 (a damaged archive makes zipfile raise nearly anything)
        return False


def check_archive(path: Path) -> None:
    """Compare the checksums inside a zip-format checkpoint with its contents.

    Raises:
        FileError: If a member was damaged after it was written.
    """
    if zipfile.is_zipfile(path) and not is_whole(path):
        raise FileError(f'{path} is damaged (its contents do not match their checksums); copy or download it again')

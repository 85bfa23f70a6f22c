"""Unpacking data sets' archives, as downloaded, into the folders that their sources read."""

import contextlib
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

from ..errors import ConfigError, DataError
from ..named_files import find_archive
from .sources import Rule, known_sources

Opener = Callable[[], IO[bytes]]

_LARGEST = 256 * 2**20  # bytes of one picture, unpacked; the public sets' largest are a tenth of it
_LONGEST = 2**20  # bytes of a tar archive's extended header, which tarfile reads as a whole
_MOST_FILES = 100_000  # in an archive; the public sets' have 2,000
_BUFFER = 2**20
_ARCHIVE = r'.+\.(zip|tar|tgz|tar\.(gz|bz2|xz))'


def unpackable() -> dict[str, tuple[Rule, ...]]:
    """Name of each data set that can be unpacked to its rules."""
    return {name: source.rules for name, source in known_sources().items() if source.rules}


def unpack(name: str, archives: Sequence[str | Path], folder: str | Path, check: Callable[[Path], Any] | None = None) -> dict[str, int]:
    """Unpack a data set; archives inside archives too.

    Files go where the source's rules say, by their names; nothing else is written, so an archive cannot reach out of ``folder``.  All
    is done beside ``folder`` and moved there at the end: a failure leaves nothing.

    Args:
        name (str): Of :func:`unpackable`.
        archives (list[str | Path]): zip or tar, perhaps compressed.
        folder (str | Path): Must not exist or be empty.
        check (callable, optional): Called with the unpacked folder before it is put in place; what it raises leaves nothing there.

    Returns:
        dict: Number of files by target folder or pattern, and ``left out`` of others.

    Raises:
        ConfigError: If the name is unknown.
        DataError: If an archive is damaged or of an unknown kind, files are missing, double or too many, or ``folder`` is in use.
    """
    rules = unpackable().get(name)
    if rules is None:
        raise ConfigError(f'{name!r} is no data set that can be unpacked; there are {", ".join(unpackable())}')
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f'{folder} exists and is not empty; nothing was changed. Move it away or choose another folder')
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{folder.name}.', dir=folder.parent) as scratch:
        target, counts = Path(scratch) / 'set', [0] * len(rules)
        left_out = sum(_take(Path(archive), rules, target, counts, Path(scratch), 0) for archive in archives)
        _check_counts(name, rules, counts, archives)
        if check is not None:
            check(target)
        if folder.is_dir():
            folder.rmdir()
        target.rename(folder)
    found = {rule.target.replace(r'\1', '*') if '/' in rule.target else rule.pattern: n for rule, n in zip(rules, counts)}
    return {**found, 'left out': left_out}


def _check_counts(name: str, rules: tuple[Rule, ...], counts: list[int], archives: Sequence[str | Path]) -> None:
    for rule, count in zip(rules, counts):
        if count != rule.count and not (rule.optional and count == 0):
            where = ', '.join(str(archive) for archive in archives)
            raise DataError(
                f'{where}: {count} files for {name} named like {rule.pattern} were found, {rule.count} expected; '
                'give all archives of the data set at once, and download a damaged one again'
            )


def _take(archive: Path, rules: tuple[Rule, ...], target: Path, counts: list[int], scratch: Path, depth: int) -> int:
    """Write an archive's files of the data set below ``target``; returns how many others there were."""
    left_out = 0
    for path, open_member in _members(archive):
        if re.fullmatch(_ARCHIVE, path, flags=re.IGNORECASE) and depth < 2:
            inner = scratch / f'{depth}-{re.sub(r"[^a-zA-Z0-9_.-]", "_", Path(path).name)[-100:]}'
            _copy(archive, open_member, inner, f'{archive}: {path}', limit=64 * 2**30)
            left_out += _take(inner, rules, target, counts, scratch, depth + 1)
            inner.unlink()
        elif '__MACOSX' in path or not _place(archive, path, open_member, rules, target, counts):
            left_out += 1
    return left_out


@contextlib.contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """What the standard library raises on a damaged archive, nearly anything, is a :class:`DataError`; that it cannot be opened stays."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename:  # no permission
            raise
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        raise DataError(f'{archive} is damaged or protected ({reason}); download it again') from error


class _Member(tarfile.TarInfo):
    """A file in a tar archive whose headers are of a size that a name and a date need."""

    def _proc_pax(self, file: tarfile.TarFile) -> tarfile.TarInfo:
        return super()._proc_pax(self._short(file))  # type: ignore[misc]  # the stubs leave out what is private

    def _proc_gnulong(self, file: tarfile.TarFile) -> tarfile.TarInfo:
        return super()._proc_gnulong(self._short(file))  # type: ignore[misc]

    def _proc_sparse(self, file: tarfile.TarFile) -> NoReturn:  # its list of holes has no end
        raise DataError(f'{file.name!s} holds a sparse file: no archive of this data set')

    def _proc_gnusparse_10(self, next: tarfile.TarInfo, pax_headers: dict[str, str], file: tarfile.TarFile) -> None:
        self._proc_sparse(file)

    def _short(self, file: tarfile.TarFile) -> tarfile.TarFile:
        if self.size > _LONGEST:
            raise DataError(f'{file.name!s} has a header of {self.size:,} bytes: no archive of this data set, or a damaged one')
        return file


def _place(archive: Path, path: str, open_member: Opener, rules: tuple[Rule, ...], target: Path, counts: list[int]) -> bool:
    """Write one file where its rule says; whether there is a rule for it."""
    for i, rule in enumerate(rules):
        match = re.search(rf'(?:^|/){rule.pattern}$', path, flags=re.IGNORECASE)
        if match:
            to = target / match.expand(rule.target)
            if to.exists():
                raise DataError(f'{archive}: {path} is there twice')
            to.parent.mkdir(parents=True, exist_ok=True)
            _copy(archive, open_member, to, f'{archive}: {path}', _LARGEST)
            counts[i] += 1
            return True
    return False


def _members(archive: Path) -> Iterator[tuple[str, Opener]]:
    """Regular files of an archive: ``(path inside, function that opens it)``."""
    find_archive(archive)
    with _reading(archive):
        if zipfile.is_zipfile(archive):
            with archive.open('rb') as table:
                # bytes of its table, of which ZipFile makes a list
                _check_number(archive, zipfile._EndRecData(table)[5] // 160)  # type: ignore[attr-defined]
            with zipfile.ZipFile(archive) as zipped:
                for info in zipped.infolist():
                    if not info.is_dir():
                        yield info.filename, partial(_opened, archive, zipped, info)
            return
        try:
            file = tarfile.open(archive, tarinfo=_Member)
        except (tarfile.TarError, EOFError) as error:
            raise DataError(
                f'{archive} is no whole zip or tar archive; download it again, or if it is of another kind (rar, 7z), unpack it '
                'yourself: the classes read the folders as they unpack'
            ) from error
        with file:
            for number, member in enumerate(file):
                _check_number(archive, number + len(file.pax_headers))
                if member.isreg():
                    yield member.name, partial(_extracted, file, member)


def _check_number(archive: Path, files: int) -> None:
    if files > _MOST_FILES:
        raise DataError(f'{archive} holds more than {_MOST_FILES:,} files: no archive of this data set')


def _opened(archive: Path, file: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # of bzip2 and LZMA, zipfile unpacks blocks of any size
        raise DataError(f'{archive} is packed with a method that is not read here; unpack it yourself: the classes read the folders')
    return file.open(info)


def _extracted(file: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = file.extractfile(member)
    if found is None:
        raise DataError(f'{member.name} is no regular file')
    return found


def _copy(archive: Path, open_member: Opener, to: Path, what: str, limit: int) -> None:
    written = 0
    with _reading(archive):
        source = open_member()
    with source, to.open('wb') as sink:
        while True:
            with _reading(archive):
                block = source.read(_BUFFER)
            if not block:
                return
            written += len(block)
            if written > limit:
                raise DataError(f'{what} is larger than {limit / 2**20:,.0f} MiB unpacked: no picture of this data set')
            sink.write(block)
